-- How long people go on clicking: those first written to in one month, month by month, on the account's calendar.
{{ config(materialized='view') }}

with sends as (
    select
        recipients.account_id,
        recipients.contact_id,
        recipients.was_clicked,
        date_trunc('month', timezone(accounts.time_zone, history.first_sent_at))::date as cohort_date,
        date_trunc('month', timezone(accounts.time_zone, recipients.first_attempted_at))::date as month_date
    from {{ ref('fct_recipient_activity') }} as recipients
    inner join {{ ref('fct_contact_history') }} as history
        on recipients.account_id = history.account_id and recipients.contact_id = history.contact_id
    inner join {{ ref('dim_account') }} as accounts on recipients.account_id = accounts.account_id
    where recipients.is_delivered and recipients.first_attempted_at is not null
),

people as (
    select
        account_id,
        cohort_date,
        month_date,
        contact_id,
        bool_or(was_clicked) as was_clicked
    from sends
    group by 1, 2, 3, 4
),

counted as (
    select
        account_id,
        cohort_date,
        datediff('month', cohort_date, month_date) as month_number,
        count(*) as reached_count,
        count(*) filter (where was_clicked) as clicker_count
    from people
    group by 1, 2, 3
)

select
    account_id,
    cohort_date,
    month_number,
    reached_count,
    clicker_count,
    {{ rate_columns('click', 'clicker_count', 'reached_count') }},
    {{ as_of_seq() }} as as_of_seq
from counted
