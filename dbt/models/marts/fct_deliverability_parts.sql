-- Deliverability by what a list is made of: mailbox provider, source, import and month of acquisition of its people;
-- of campaigns of the last thirty days (recent) beside those of the ninety days before (past).
with periods as (
    select
        account_id,
        campaign_id,
        case
            when min(attempted_at) > {{ as_of_at() }} - interval '30 days' then 'recent'
            when min(attempted_at) > {{ as_of_at() }} - interval '120 days' then 'past'
        end as period
    from {{ ref('fct_recipient_counts') }}
    group by 1, 2
),

parts as (
    select
        *,
        'provider' as part,
        provider as part_value
    from {{ ref('fct_recipient_counts') }}
    where provider is not null and sent_count > 0
    {% for part, column in [
        ('source', 'source'), ('import', 'import_id::varchar'), ('month', "strftime(acquired_month_date, '%Y-%m')")
    ] %}
        union all by name
        select
            *,
            '{{ part }}' as part,
            coalesce({{ column }}, '') as part_value
        from {{ ref('fct_acquisition_deliverability') }}
    {% endfor %}
),

recent as (
    select
        parts.*,
        periods.period
    from parts
    inner join periods on parts.account_id = periods.account_id and parts.campaign_id = periods.campaign_id
    where periods.period is not null
),

counted as (
    {{ summed('recent', ['account_id', 'part', 'part_value', 'period']) }}
),

performance as (
    {{ rated('counted') }}
)

select
    * replace (null::bigint as anonymous_open_count, null::bigint as anonymous_click_count),
    {{ as_of_seq() }} as as_of_seq
from performance
