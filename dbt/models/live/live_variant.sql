{{ performance(
    ref('int_events__by_recipient'),
    ['account_id', 'campaign_id', 'variant_id'],
    ref('int_anonymous__by_variant')
) }}
