"""From a clip in a file to a department's topic, through the whole Gewu."""

from gewu.dev.stack import Stack
from gewu.runtime.settings import Kafka
from gewu.v1.assignment_pb2 import Assignment
from gewu_video import clips
from tests.support import log
from tests.support.waiting import until


async def test_a_car_in_a_fire_lane_reaches_the_department_of_that_estate(stack: Stack) -> None:
    await stack.end("video")
    clips.draw(stack.clips / "fire-lane.mp4", 30.0, (210, 120), (5.0, 28.0))
    try:
        await stack.launch("video", {"GEWU_CAMERA_LOOP": "no"})
        kafka = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")

        async def told() -> list[Assignment]:
            said = [r for n in range(2) for r in await log.read(kafka, "dispatch.housing-works", n)]
            found = [Assignment.FromString(r.value) for r in said if r.value]
            return [a for a in found if a.case.category == "matter:09012"]

        (assignment,) = await until(told, 60.0, "the fire lane's case")
        assert (round(assignment.case.point.lon, 6), round(assignment.case.point.lat, 6)) == (83.013975, 39.008682)
    finally:
        await stack.end("video")
        (stack.clips / "fire-lane.mp4").unlink()
        await stack.launch("video")
