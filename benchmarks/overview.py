"""How long the operator's overview takes over a long log: `python benchmarks/overview.py [EVENTS]`, in SQLite in a temporary folder.

It asks again until all of the log is read, as the page does, and says of the first and the last answers how long they took, and of the reading what it cost.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from zhiyin.stores.codec import now
from zhiyin.stores.sql import SqlStore
from zhiyin.types import Card, Heard, ItemId, Language, Op, Put, Reason, Said, SessionId, Turn, Understanding, UserId, Value, Wish
from zhiyin.web.admin.overview import summed
from zhiyin.web.admin.tally import Tally

AT_ONCE = 500
REASONS = tuple(Reason(kind="wish", field="price", value=3, text="a reason of some length, as cards have them") for _ in range(3))
VALUES: dict[str, Value] = {"brand": ("a",), "price": 4999, "genres": ("x", "y", "z"), "year": 1999}
CARDS = tuple(Card(item=ItemId(f"i{n}"), score=0.5, sources={"dense": 0.4, "keyword": 0.3, "popular": 0.2, "taste": 0.1}, reasons=REASONS, attributes=VALUES) for n in range(5))
HEARD = Understanding(language=Language.EN, intent=dict.fromkeys("abcdefghij", 0.1), edits=(Put(wish=Wish(field="price", op=Op.LE, value=300)),))


async def turn(store: SqlStore, n: int, moment: datetime) -> None:
    """One turn of eight in a session, two sessions a user."""
    session, user = SessionId(f"s{n // 8}"), UserId(f"u{n // 16}")
    heard = Heard(turn=Turn(session=session, user=user, text="a red lamp under 300, please", time=moment), understanding=HEARD)
    latency = {"understand": 1.0, "cards": 5.0 + n % 7, "total": 9.0}
    said = Said(act="recommend", text="Here are five lamps. " * 5, items=tuple(c.item for c in CARDS), cards=CARDS, recommendation="r", latency_ms=latency, time=moment)
    await store.append(session, user, heard, said)


async def asked(store: SqlStore, tally: Tally) -> tuple[float, bool, int]:
    """Seconds of one overview of 24 hours, whether the log is still being read, and the turns in it."""
    moment = now()
    since, start = moment - timedelta(hours=24), time.perf_counter()
    counts = await tally.since(store, since, moment)
    told = await asyncio.to_thread(summed, counts, since, moment, 1800)
    totals = told["totals"]
    return time.perf_counter() - start, counts.reading, int(totals["turns"]) if isinstance(totals, dict) else 0


async def main(events: int) -> None:
    """Write the log, then look at it."""
    with tempfile.TemporaryDirectory() as folder:
        store, end = SqlStore(f"sqlite:///{Path(folder) / 'log.db'}"), now()
        for start in range(0, events // 2, AT_ONCE):
            times = ((n, end - timedelta(hours=20) * (1 - 2 * n / events)) for n in range(start, min(events // 2, start + AT_ONCE)))
            await asyncio.gather(*(turn(store, n, moment) for n, moment in times))
        tally = Tally()
        began, cost = time.perf_counter(), time.process_time()
        answers = [await asked(store, tally)]
        while answers[-1][1]:
            answers.append(await asked(store, tally))
        print(f"all of {events:,} events read: {time.perf_counter() - began:.1f} s, {time.process_time() - cost:.1f} s of the processor, {len(answers)} answers meanwhile")
        print(f"first answer: {answers[0][0]:.2f} s, {answers[0][2]:,} turns; slowest: {max(a[0] for a in answers):.2f} s")
        later = sorted([(await asked(store, tally))[0] for _ in range(20)])
        print(f"later answers: {later[10] * 1000:.0f} ms in the middle, {later[-1] * 1000:.0f} ms at worst, {answers[-1][2]:,} turns")
        await tally.aclose()
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
