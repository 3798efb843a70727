-- One row per conversion that is put down to a campaign. Counted anew in each build: a click that comes late or is
-- judged anew moves a conversion from one campaign to another, and there are few of them.
with attributed as (
    {{ attributed_conversions("(select * from " ~ ref('fct_engagements') ~ " where act = 'clicked')") }}
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
    attributed.last_lake_seq,
    {{ as_of_seq() }} as as_of_seq
from attributed
left join {{ ref('fct_recipient_activity') }} as recipients
    on
        attributed.account_id = recipients.account_id
        and attributed.campaign_id = recipients.campaign_id
        and attributed.contact_id = recipients.contact_id
