-- What is usual for a campaign: the middle half of the rates of up to fifty closed campaigns of its account that
-- started before it, as a whole and at each mailbox provider. Slices below 100 people tell nothing and are left out.
with rates as (
    select
        account_id,
        campaign_id,
        null::varchar as provider,
        sent_count,
        open_rate,
        click_rate,
        delivery_rate
    from {{ ref('fct_campaign_performance') }}
    union all
    select
        account_id,
        campaign_id,
        provider,
        sent_count,
        open_rate,
        click_rate,
        delivery_rate
    from {{ ref('fct_domain_deliverability') }}
),

dated as (
    select
        rates.account_id,
        rates.campaign_id,
        rates.provider,
        coalesce(campaigns.started_at, campaigns.created_at) as started_at,
        coalesce(campaigns.is_closed, false) and (rates.provider is null or rates.sent_count >= 100) as is_history,
        rates.open_rate,
        rates.click_rate,
        rates.delivery_rate
    from rates
    left join {{ ref('dim_campaign') }} as campaigns on rates.campaign_id = campaigns.campaign_id
),

compared as (
    select
        account_id,
        campaign_id,
        provider,
        {% for rate in ['open_rate', 'click_rate', 'delivery_rate'] %}
            quantile_cont({{ rate }}, 0.25) filter (where is_history) over earlier as usual_{{ rate }}_low,
            quantile_cont({{ rate }}, 0.75) filter (where is_history) over earlier as usual_{{ rate }}_high,
        {% endfor %}
        count(*) filter (where is_history) over earlier as usual_campaign_count
    from dated
    window earlier as (
        partition by account_id, provider
        order by started_at, campaign_id
        rows between 50 preceding and 1 preceding
    )
)

select
    *,
    {{ as_of_seq() }} as as_of_seq
from compared
