"""Who liked this also liked that."""

from zhiyin.retrieve.collaborative import ItemNeighbours

# Items 0 and 1 are liked by the same thirty people, 2 by others, 3 by nobody.
RATINGS = [(f"a{n}", item, 5.0) for n in range(30) for item in (0, 1)] + [(f"b{n}", 2, 5.0) for n in range(30)]


def test_items_that_the_same_people_like_are_neighbours() -> None:
    scores = ItemNeighbours(4, RATINGS).scores({0: 1.0})
    assert scores.argmax() == 1
    assert scores[1] == 1.0
    assert scores[2] == scores[3] == 0.0


def test_an_example_says_nothing_of_itself() -> None:
    assert ItemNeighbours(4, RATINGS).scores({0: 1.0})[0] == 0.0


def test_few_common_ratings_are_trusted_less() -> None:
    few = [("u", item, 5.0) for item in (2, 3)]
    neighbours = ItemNeighbours(4, [*RATINGS, *few])
    scores = neighbours.scores({0: 1.0, 2: 1.0})
    assert scores[1] > scores[3]


def test_no_ratings_give_no_opinion() -> None:
    assert not ItemNeighbours(4, []).scores({0: 1.0}).any()
