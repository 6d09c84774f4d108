"""ln Z of small periodic Ising models by the transfer matrix, for tests/unit/sample_renormalize.c."""
import itertools
import math


def log_z(side: int, coupling: float) -> float:
    """ln of the trace of the side-th power of the transfer matrix between rows."""
    rows = list(itertools.product([-1, 1], repeat=side))

    def weight(a: tuple, b: tuple) -> float:
        within = sum(a[i] * a[i - 1] + b[i] * b[i - 1] for i in range(side)) / 2
        return math.exp(coupling * (within + sum(x * y for x, y in zip(a, b))))

    matrix = [[weight(a, b) for b in rows] for a in rows]
    power = matrix
    for _ in range(side - 1):
        columns = list(zip(*matrix))
        power = [[math.fsum(x * y for x, y in zip(row, column)) for column in columns] for row in power]
    return math.log(math.fsum(power[i][i] for i in range(len(rows))))


for side, coupling in ((3, 0.2), (4, 0.4406867935097715)):
    print(f"L = {side}, K = {coupling!r}: ln Z = {log_z(side, coupling):.16g}")
