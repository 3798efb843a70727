{{ live_performance(['account_id', 'campaign_id', 'variant_id']) }}
