{# One row per conversion that is put down to a campaign: to the one that it names, else to the one that the contact
   clicked last within the account's days before it. A machine's click leads to nothing.

   `acts` is a relation of clicks with account_id, campaign_id, contact_id, occurred_at and is_machine. #}
{% macro attributed_conversions(acts) %}
    with conversions as (
        select
            account_id,
            contact_id,
            event_id as conversion_id,
            min(campaign_id) as named_campaign_id,
            min(occurred_at) as converted_at,
            -- Money to the cent: as a decimal it adds up to what the till says.
            coalesce(min(amount), 0)::decimal(18, 2) as amount,
            max(lake_seq) as last_lake_seq
        from {{ ref('stg_lake__events') }}
        where event_type = 'converted' and contact_id is not null and not is_test
        group by 1, 2, 3
    ),

    last_clicks as (
        select
            conversions.account_id,
            conversions.conversion_id,
            -- Of clicks of one moment the newer campaign's, so that it is the same however they are read.
            arg_max(acts.campaign_id, {{ micros('acts.occurred_at') }} * 1000000::hugeint + acts.campaign_id)
                as campaign_id
        from conversions
        inner join {{ ref('dim_account') }} as accounts on conversions.account_id = accounts.account_id
        inner join {{ acts }} as acts
            on
                conversions.account_id = acts.account_id
                and conversions.contact_id = acts.contact_id
                and conversions.converted_at >= acts.occurred_at
                and conversions.converted_at < acts.occurred_at + to_days(accounts.attribution_days)
        where conversions.named_campaign_id is null and not acts.is_machine
        group by 1, 2
    )

    select
        conversions.account_id,
        coalesce(conversions.named_campaign_id, last_clicks.campaign_id) as campaign_id,
        conversions.contact_id,
        conversions.conversion_id,
        case when conversions.named_campaign_id is not null then 'campaign' else 'click' end as attributed_by,
        conversions.converted_at,
        conversions.amount,
        conversions.last_lake_seq
    from conversions
    left join last_clicks
        on
            conversions.account_id = last_clicks.account_id
            and conversions.conversion_id = last_clicks.conversion_id
    where coalesce(conversions.named_campaign_id, last_clicks.campaign_id) is not null
{% endmacro %}


{# Conversions of delivered recipients, by `keys`: people once, conversions and money each time. #}
{% macro conversion_sums(relation, keys) %}
    select
        {% for key in keys %}
            {{ key }},
        {% endfor %}
        count(distinct contact_id) as converted_count,
        count(*) as conversion_count,
        sum(amount)::decimal(18, 2) as revenue
    from {{ relation }}
    where is_delivered
    group by {{ keys | join(', ') }}
{% endmacro %}


{# The columns that those sums become beside a campaign's or a variant's counts. #}
{% macro conversion_columns() %}
    coalesce(conversions.converted_count, 0)::bigint as converted_count,
    coalesce(conversions.conversion_count, 0)::bigint as conversion_count,
    coalesce(conversions.revenue, 0)::decimal(18, 2) as revenue,
    coalesce(conversions.revenue, 0)::double / nullif(performance.delivered_count, 0) as revenue_per_recipient,
    {{ rate_columns('conversion', 'coalesce(conversions.converted_count, 0)', 'performance.delivered_count') }}
{% endmacro %}


{# One row per conversion that is put down to a campaign. `clicks` and `recipients` are relations that hold the same,
   as of the last build or of this moment. #}
{% macro conversion_rows(clicks, recipients) %}
    with attributed as (
        {{ attributed_conversions("(select * from " ~ clicks ~ ")") }}
    )

    select
        attributed.account_id,
        attributed.campaign_id,
        recipients.variant_id,
        attributed.contact_id,
        attributed.conversion_id,
        attributed.attributed_by,
        attributed.converted_at,
        attributed.amount,
        coalesce(recipients.is_delivered, false) as is_delivered,
        attributed.last_lake_seq
    from attributed
    left join {{ recipients }} as recipients
        on
            attributed.account_id = recipients.account_id
            and attributed.campaign_id = recipients.campaign_id
            and attributed.contact_id = recipients.contact_id
{% endmacro %}
