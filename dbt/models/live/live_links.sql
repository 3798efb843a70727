with clicks as (
    {{ link_counts(ref('int_events__by_recipient'), ref('int_events__judged')) }}
),

delivered as (
    select
        account_id,
        campaign_id,
        variant_id,
        count(*) filter (where is_delivered) as delivered_count
    from {{ ref('int_events__by_recipient') }}
    group by 1, 2, 3
)

{{ link_rates('clicks', 'delivered') }}
