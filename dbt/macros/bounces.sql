{# What tells rows of bounces apart. #}
{% macro bounce_keys() %}
    {{ return([
        'account_id', 'campaign_id', 'variant_id', 'provider', 'bounce_class', 'bounce_reason', 'bounced_via'
    ]) }}
{% endmacro %}


{# Bounced recipients by class, reason and way; contradicted ones are counted beside them. #}
{% macro bounces(relation, also=[]) %}
    select
        account_id,
        campaign_id,
        variant_id,
        provider,
        coalesce(bounce_class, 'unknown') as bounce_class,
        coalesce(bounce_reason, '') as bounce_reason,
        bounced_via,
        {% for key in also %}
            {{ key }},
        {% endfor %}
        max(last_lake_seq) as last_lake_seq,
        count(*) filter (where is_bounced) as bounced_count,
        count(*) filter (where is_bounce_contradicted) as contradicted_bounce_count
    from {{ relation }}
    where is_bounced or is_bounce_contradicted
    group by all
{% endmacro %}
