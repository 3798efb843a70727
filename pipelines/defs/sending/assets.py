"""What waits at each mailbox provider, how fast it leaves, and what holds it up."""

import dagster as dg

from pipelines.failures import told_once
from pipelines.installation import Installation
from pipelines.ops import every_account
from pipelines.plots import bars
from sillage.store import queue as sending_queue
from sillage.store import rates


@dg.asset(
    key_prefix="ops",
    group_name="sending",
    owners=["team:analysts"],
    kinds={"python", "sql"},
    deps=[["ops", "deliveries"]],
)
def queue(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    """What waits to be sent at each mailbox provider, over all accounts, with what was put off and why.

    One row per provider; who has slowed us down stands there with its answer.
    """
    with told_once(context), installation.store() as store, store.read() as conn:
        depths = sending_queue.depths(conn, None)
        standings = rates.standings(conn, channel="email")
        in_doubt = sum(sending_queue.in_doubt(conn, None).values())
        reasons: dict[str, int] = {}
        for account in every_account(conn):
            for put_off in sending_queue.deferrals(conn, account.id):
                name = f"{put_off.provider}: {put_off.reason}"
                reasons[name] = reasons.get(name, 0) + put_off.count
    retries = [d.next_retry_at for d in depths if d.next_retry_at is not None]
    return dg.MaterializeResult(
        metadata={
            "waiting": sum(d.waiting for d in depths),
            "deferred": sum(d.deferred for d in depths),
            "in_doubt": in_doubt,
            "sent_per_second": round(sum(s.sent_per_second for s in standings), 1),
            "slowed_down": dg.MetadataValue.json({s.provider: s.reason for s in standings if s.is_slowed}),
            "next_retry_at": min(retries).isoformat() if retries else "none",
            "deferrals": dg.MetadataValue.json(reasons),
            "queue_by_provider": bars("Waiting, by mailbox provider", {d.provider: d.waiting for d in depths}),
        }
    )
