"""Writes reference.json: small tables, and what published packages make of them.

    pip install krippendorff==0.9.0 choix==0.4.1 statsmodels==0.15.0
    python crates/train/tests/statistics/reference.py
"""

import json
import pathlib
import warnings

import choix
import krippendorff
import numpy
from statsmodels.discrete.conditional_models import ConditionalLogit

random = numpy.random.default_rng(23)


def alphas():
    """Counts of raters by unit and value, of four degrees of agreement."""
    for agreement in (0.0, 0.3, 0.7, 0.95):
        units = []
        for _ in range(30):
            true = random.integers(3)
            raters = random.integers(0, 6)
            values = [true if random.random() < agreement else random.integers(3) for _ in range(raters)]
            units.append([values.count(value) for value in range(3)])
        counts = numpy.array(units)
        yield {"units": units, "alpha": krippendorff.alpha(value_counts=counts[counts.sum(1) > 0], level_of_measurement="nominal")}


def strengths():
    """Wins of four models over each other, without ties."""
    true = numpy.array([0.9, 0.2, -0.3, -0.8])
    outcomes, data = [], []
    for i in range(4):
        for j in range(i + 1, 4):
            wins = int(random.binomial(60, 1 / (1 + numpy.exp(true[j] - true[i]))))
            outcomes.append([i, j, wins, 0, 60 - wins])
            data += [(i, j)] * wins + [(j, i)] * (60 - wins)
    fitted = choix.opt_pairwise(4, data, alpha=1e-9)
    return {"outcomes": outcomes, "strengths": list(fitted - fitted.mean()), "tie": None}


def ties():
    """Four models with ties; Davidson's model is a conditional logit over win, tie and loss."""
    true, tie = numpy.array([1.0, 0.4, -0.5, -0.9]), -0.4
    outcomes, chosen, features, groups = [], [], [], []
    for i in range(4):
        for j in range(i + 1, 4):
            one = numpy.eye(4)
            rows = numpy.array([[*one[i], 0], [*(one[i] + one[j]) / 2, 1], [*one[j], 0]])
            odds = numpy.exp(rows @ [*true, tie])
            counts = random.multinomial(50, odds / odds.sum())
            outcomes.append([i, j, *map(int, counts)])
            for outcome, count in enumerate(counts):
                for _ in range(count):
                    group = len(groups) // 3
                    chosen += [int(at == outcome) for at in range(3)]
                    features += list(rows)
                    groups += [group] * 3
    # The first strength is 0: only differences are determined.
    fitted = ConditionalLogit(numpy.array(chosen), numpy.array(features)[:, 1:], groups=numpy.array(groups)).fit(disp=0, method="newton", tol=1e-12).params
    theta = numpy.array([0, *fitted[:3]])
    return {"outcomes": outcomes, "strengths": list(theta - theta.mean()), "tie": float(fitted[3])}


warnings.simplefilter("ignore")
reference = {"alpha": list(alphas()), "davidson": [strengths(), ties()]}
path = pathlib.Path(__file__).with_name("reference.json")
text = json.dumps(reference).replace("}, {", "},\n {").replace("\"davidson\": [", "\n\"davidson\": [")
path.write_text(text + "\n", encoding="utf-8")
