-- One row per contact: what it was sent and did, for segments. Contacts with rows of fct_recipient_activity newer
-- than the newest held here are counted again from all their rows.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['account_id', 'contact_id'],
        on_schema_change='fail',
        sorted_by=['account_id', 'contact_id']
    )
}}

{% set cursor = cursor_of(this) if is_incremental() else 0 %}

with recipients as (
    select * from {{ ref('fct_recipient_activity') }}
    {% if is_incremental() %}
        where contact_id in (
            select contact_id from {{ ref('fct_recipient_activity') }}
            where last_lake_seq > {{ cursor }}
        )
    {% endif %}
),

history as (
    {{ contact_history('recipients') }}
),

-- On the account's calendar: the month of the first message is bit 0, and the next month is bit 1.
cohorts as (
    select
        history.account_id,
        history.contact_id,
        accounts.time_zone,
        {{ local_month('history.first_sent_at', 'accounts.time_zone') }} as cohort_date
    from history
    inner join {{ ref('dim_account') }} as accounts on history.account_id = accounts.account_id
),

sends as (
    select
        recipients.account_id,
        recipients.contact_id,
        recipients.was_clicked,
        cohorts.cohort_date,
        datediff(
            'month',
            cohorts.cohort_date,
            {{ local_month('recipients.first_attempted_at', 'cohorts.time_zone') }}
        ) as month_number
    from recipients
    inner join cohorts
        on recipients.account_id = cohorts.account_id and recipients.contact_id = cohorts.contact_id
    where recipients.is_delivered and recipients.first_attempted_at is not null
),

months as (
    select
        account_id,
        contact_id,
        min(cohort_date) as cohort_date,
        bit_or(1::bigint << month_number) as reached_month_bits,
        bit_or(1::bigint << month_number) filter (where was_clicked) as clicked_month_bits
    from sends
    where month_number between 0 and {{ cohort_months() - 1 }}
    group by 1, 2
)

select
    history.account_id,
    history.contact_id,
    history.sent_count,
    history.first_sent_at,
    history.last_sent_at,
    history.measurable_bits,
    history.opened_bits,
    history.clicked_bits,
    months.cohort_date,
    coalesce(months.reached_month_bits, 0)::bigint as reached_month_bits,
    coalesce(months.clicked_month_bits, 0)::bigint as clicked_month_bits,
    history.last_bounce_class,
    history.last_bounced_at,
    history.last_lake_seq
from history
left join months on history.account_id = months.account_id and history.contact_id = months.contact_id
