{# Bounced recipients by class, reason and way; contradicted ones are counted beside them. #}
{% macro bounces(relation) %}
    select
        account_id,
        campaign_id,
        variant_id,
        provider,
        coalesce(bounce_class, 'unknown') as bounce_class,
        coalesce(bounce_reason, '') as bounce_reason,
        bounced_via,
        max(last_lake_seq) as last_lake_seq,
        count(*) filter (where is_bounced) as bounced_count,
        count(*) filter (where is_bounce_contradicted) as contradicted_bounce_count
    from {{ relation }}
    where is_bounced or is_bounce_contradicted
    group by 1, 2, 3, 4, 5, 6, 7
{% endmacro %}
