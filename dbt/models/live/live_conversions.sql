with attributed as (
    {{ attributed_conversions("(select * from " ~ ref('int_events__judged') ~ " where event_type = 'clicked')") }}
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
left join {{ ref('int_events__by_recipient') }} as recipients
    on
        attributed.account_id = recipients.account_id
        and attributed.campaign_id = recipients.campaign_id
        and attributed.contact_id = recipients.contact_id
