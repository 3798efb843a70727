-- How long people go on clicking: those first written to in one month, month by month, on the account's calendar. Each
-- contact's months are bits of its row of history, so that nothing is counted here but rows of equal bits (as a view
-- over all recipients it took more than a minute on ten million).
with alike as (
    select
        account_id,
        cohort_date,
        reached_month_bits,
        clicked_month_bits,
        count(*) as contact_count
    from {{ ref('fct_contact_history') }}
    where cohort_date is not null
    group by 1, 2, 3, 4
),

months as (
    select unnest(range({{ cohort_months() }})) as month_number
),

counted as (
    select
        alike.account_id,
        alike.cohort_date,
        months.month_number,
        sum(alike.contact_count)::bigint as reached_count,
        coalesce(
            sum(alike.contact_count) filter (where (alike.clicked_month_bits >> months.month_number) & 1 = 1), 0
        )::bigint as clicker_count
    from alike
    inner join months on (alike.reached_month_bits >> months.month_number) & 1 = 1
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
