{# What the live views of very large campaigns are made of: the counts of the last build, and what came since.

   To count a campaign of a million from its events takes a second of a core; the tables of the build have done it up
   to their as-of. So such a view takes their rows and changes only what has changed: a recipient with newer events is
   taken out as the build had counted it (sign -1) and put in as it is now (sign 1), both by the one definition in
   by_recipient, from all its events. That is exact, and costs what the new events cost; to plan it
   costs four times what planning a live view does, so campaigns of ordinary size are counted from their events.

   While a build runs, its tables are not all as of the same event, so each is asked for its own position. The number
   in `built_up_to` is a literal on purpose: only as such it goes down to the files and leaves the old ones out. #}
{% macro built_up_to() -%}
    {%- if execute -%} {{ run_query("select coalesce(" ~ as_of_seq() ~ ", -1)").columns[0].values()[0] }}
    {%- else -%} -1
    {%- endif -%}
{%- endmacro %}


{# The first of a live view's common table expressions: `position`, up to which event `base` has counted (an empty
   table had nothing to count); `news`, what came since; and `events` (columns of int_events__judged), all events of
   each recipient that news are of, twice: as they are now, and as they were then; events that name nobody are in
   `nobody_since_build`. What is named twice in one query is not made once for all campaigns: the question's filter
   would not get to the files. #}
{% macro since_build(base, column) %}
    position as (
        select coalesce(max({{ column }}), {{ built_up_to() }}) as seq from {{ base }}
    ),

    news as materialized (
        select
            account_id,
            campaign_id,
            contact_id,
            event_type,
            subject_event_id
        from {{ ref('stg_lake__events') }}
        where
            lake_seq > {{ built_up_to() }}
            and lake_seq > (select position.seq from position)
            and not is_test
            and campaign_id is not null
    ),

    changed as (
        select
            account_id,
            campaign_id,
            contact_id
        from news
        where
            event_type <> 'judged' and contact_id is not null
        union
        select
            subjects.account_id,
            subjects.campaign_id,
            subjects.contact_id
        from {{ ref('stg_lake__events') }} as subjects
        inner join news
            on
                subjects.account_id = news.account_id
                and subjects.campaign_id = news.campaign_id
                and subjects.event_id = news.subject_event_id
    ),

    verdicts as not materialized (
        select
            account_id,
            campaign_id,
            subject_event_id,
            max(lake_seq) as lake_seq,
            arg_max(is_machine, occurred_at) as is_machine,
            arg_max(is_machine, occurred_at) filter (
                where lake_seq <= (select position.seq from position)
            ) as was_machine
        from {{ ref('stg_lake__events') }}
        where event_type = 'judged'
        group by 1, 2, 3
    ),

    events as not materialized (
        select
            {{ judged_columns(verdict_of_its_time()) }},
            signs.sign
        from {{ ref('stg_lake__events') }} as events
        inner join changed
            on
                events.account_id = changed.account_id
                and events.campaign_id = changed.campaign_id
                and events.contact_id = changed.contact_id
        cross join (values (1), (-1)) as signs (sign)
        left join verdicts
            on
                events.account_id = verdicts.account_id
                and events.campaign_id = verdicts.campaign_id
                and events.event_id = verdicts.subject_event_id
        where
            not events.is_test
            and events.event_type <> 'judged'
            and (signs.sign > 0 or events.lake_seq <= (select position.seq from position))
    )
{% endmacro %}


{# Opens and clicks that name nobody, of campaigns that have new ones or new verdicts, twice as above. #}
{% macro nobody_since_build() %}
    select
        {{ judged_columns(verdict_of_its_time()) }},
        signs.sign
    from {{ ref('stg_lake__events') }} as events
    inner join (
        select distinct
            account_id,
            campaign_id
        from news
        where (contact_id is null and event_type in ('opened', 'clicked')) or event_type = 'judged'
    ) as heard
        on events.account_id = heard.account_id and events.campaign_id = heard.campaign_id
    cross join (values (1), (-1)) as signs (sign)
    left join verdicts
        on
            events.account_id = verdicts.account_id
            and events.campaign_id = verdicts.campaign_id
            and events.event_id = verdicts.subject_event_id
    where
        not events.is_test
        and events.contact_id is null
        and events.event_type in ('opened', 'clicked')
        and (signs.sign > 0 or events.lake_seq <= (select position.seq from position))
{% endmacro %}


{# Human or machine, as it was judged at the time that a sign stands for. #}
{% macro verdict_of_its_time() -%}
    coalesce(
        case when signs.sign > 0 then verdicts.is_machine else verdicts.was_machine end, events.is_machine, false
    )
{%- endmacro %}


{# Rows of a table of the build, and what changed since with its sign, added up by `keys`. #}
{% macro brought_up_to_date(base, changed, keys, names) %}
    select
        {% for key in keys %}
            {{ key }},
        {% endfor %}
        max(last_lake_seq) as last_lake_seq,
        {% for name in names %}
            coalesce(sum({{ name }}), 0)::bigint as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            {{ (keys + ['last_lake_seq'] + names) | join(', ') }}
        from {{ base }}
        union all
        select
            {% for column in keys + ['last_lake_seq'] %}
                {{ column }},
            {% endfor %}
            {% for name in names %}
                sign * {{ name }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ changed }}
    )
    group by {{ keys | join(', ') }}
{% endmacro %}
