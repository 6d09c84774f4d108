"""Six integral equations of the first kind by the midpoint rule: matrix [N x N] and solution [N].

Kernels and solutions as their authors published them (Shaw 1972; Phillips 1962; Delves and Mohamed
1985; Baart 1982; Carasso 1982 and Elden 1995; Fox and Goodwin 1953).
"""
import numpy as np

N = 32


def midpoints(low, high):
    return low + (np.arange(N) + 0.5) * (high - low) / N, (high - low) / N


def shaw():
    t, h = midpoints(-np.pi / 2, np.pi / 2)
    u = np.pi * (np.sin(t)[:, None] + np.sin(t))
    kernel = (np.cos(t)[:, None] + np.cos(t)) ** 2 * np.sinc(u / np.pi) ** 2
    return h * kernel, 2 * np.exp(-6 * (t - 0.8) ** 2) + np.exp(-2 * (t + 0.5) ** 2)


def phillips():
    t, h = midpoints(-6, 6)

    def phi(x):
        return np.where(np.abs(x) < 3, 1 + np.cos(np.pi * x / 3), 0)

    return h * phi(t[:, None] - t), phi(t)


def deriv2():
    t, h = midpoints(0, 1)
    s = t[:, None]
    return h * np.where(s < t, s * (t - 1), t * (s - 1)), t


def baart():
    t, h = midpoints(0, np.pi)
    return h * np.exp(t[:, None] / 2 * np.cos(t)), np.sin(t)


def heat():
    t, h = midpoints(0, 1)
    lag = t[:, None] - t + h / 2
    safe = np.where(lag > 0, lag, 1)
    kernel = np.where(lag > 0, safe ** -1.5 / (2 * np.sqrt(np.pi)) * np.exp(-1 / (4 * safe)), 0)
    u = 20 * t
    x = np.where(u < 2, 0.75 * u ** 2 / 4, np.where(u < 3, 0.75 + (u - 2) * (3 - u), 0.75 * np.exp(-2 * (u - 3))))
    return h * kernel, x


def foxgood():
    t, h = midpoints(0, 1)
    return h * np.sqrt(t[:, None] ** 2 + t ** 2), t


INVERSE_PROBLEMS = (shaw, phillips, deriv2, baart, heat, foxgood)
