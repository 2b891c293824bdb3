"""Two vocabularies of random programs: of numbers and arrays with several names, and of all that
ordinary programs keep their state in."""

from __future__ import annotations

from tests.frontend.program_strategy import Vocabulary

NAMES = Vocabulary(
    prelude="""
def program(x, a):
    y, n, m, i, b, c = 0.75, 1, 0, 0, a[:2], 0.5 * a
""",
    result="x + y + np.sum(a) + n * 0.1 + 0.3 * np.sum(c) + b[1]",
    themes=[[
        "x = x * 0.5 + y", "y = np.sin(x) - y", "a[0] += x", "a[1:] *= 0.9", "a = a + y", "n += 1",
        "x -= a[n % 4]", "a[n % 4] = y", "b = a[:2]; b += x", "a[::-1] += 0.1 * a", "x, y = y, x",
        "y = x if x > y else 0.5 * y", "a[a > 1] = y", "a, c = c, a", "c = a", "c = a.copy()",
        "c[1:] += 0.5 * x", "b = c[2:]", "b *= y", "c = a if x > y else 0.5 * c",
    ]],
    in_loops=["x = 0.5 * x + i", "a[i % 4] += 0.1 * y"],
    tests=["x > y", "a[1] < 0.5", "0 < x < 2", "not x > 1 or y < 0", "a[2] < n"],
    heads=["i in range(0)", "i in range(2)", "i in range(70)"],
    whiles=["np.sum(a) < 9 and m < 4", "m < 3", "True"],
    around=[("if len(a) == 4:", "")],
)  # fmt: skip

STATE = Vocabulary(
    prelude="""
class Holder:
    def __init__(self, a):
        self.u, self.w = 0.2, 0.1 * a

    def bump(self, v):
        self.u += 0.5 * v
        self.w[0] *= 0.5
        return self.w[1]


def program(x, a):
    y, n, i, b, c, k, v, e = 0.75, 1, 0, a[:2], 0.5 * a, a > 0.2, 0.4, np.ones(4)
    z, f, w, l, t = 0.5 + 0.25j, a.astype(np.float32), a * (1 + 0.5j), np.array([3, 1, 2, 0]), False
    A = np.outer(a[:3], a) + np.eye(3, 4)
    T, F = np.cos(np.outer(a, a[:3])).reshape(2, 2, 3) + x, A.astype(np.float32)
    R = [[x, y], [0.3, x]]
    L, M, P = [x, 0.2, y], [0.5], [a.copy(), 0.3 * a]
    d, o = {"s": 0.1, "v": a * 0.25}, Holder(a)

    def g(v):
        nonlocal y, n
        y = 0.5 * y + v
        n += 1
        return np.tanh(v) * x

    def h(target, v):
        target[1:] += 0.1 * v
        target[0] = v

    def s(v):
        for j in range(30):
            if v * j > y:
                return v + j * 0.1, x
            v = 0.9 * v
        return 0.1, v

    def r(v, depth):
        return v if depth == 0 else r(0.5 * v, depth - 1) + y

    def q(v, seen=None):
        seen = [] if seen is None else seen
        seen.append(v)
        try:
            return sum(seen)
        finally:
            L[0] = 0.5 * v

    def j(rows, v):
        for k, row in enumerate(rows):
            if row[0] > v:
                return row[1], k
            if row[1] < v - 1:
                break
        else:
            return v, 0
        return 0.5 * v, n

    def halves(v):
        for j in range(20):
            v = 0.7 * v
            yield j, v + y
            if j > n + 2:
                return

    def finish():
        parts = [x, y, n, a, c, b, k, v, e, z.real, z.imag, f, w.real, w.imag, l, t, i, A,
                 *P, *d.values(), o.u, o.w, T, F, *map(np.array, R)]
        lists = sum(M) + sum(0.1 * j * v for j, v in enumerate(L))
        return lists + sum(np.sum(p * np.cos(j + np.arange(np.size(p)).reshape(np.shape(p))))
                           for j, p in enumerate(parts))

""",
    result="finish()",
    themes=[
        *[NAMES.themes[0]] * 2,
        ["L.append(x)", "x += L[-1] * 0.5", "x = 0.5 * sum(L)", "L[0] = y", "L[-1] += x",
         "y += L.pop() if len(L) > 2 else 0.0", "L = L + [x]", "L = [0.5 * v for v in L]",
         "L.insert(0, y)", "L[n % len(L)] = x", "x = 0.3 * L[n % len(L)]", "y = 0.3 * len(L)",
         "x = 0.2 * np.sum(np.array(L))", "y = 0.3 * max(L)", "L, M = M, L", "M = L", "M = L[:]",
         "M.append(a[n % 4])", "L.reverse()", "del L[0]; L.append(y)", "L += [x]", "x, *M = L"],
        ["P.append(a.copy())", "P.append(a)", "P[-1][0] = x", "a = a + 0.1 * P[0]", "P[0] = c",
         "c = P[-1]", "c = 0.2 * np.sum(P, axis=0)", "P = P[-2:]", "P[0] += x"],
        ["d['s'] += x", "d['t'] = y", "x = d.get('t', 0.1)", "d['v'][1] += y", "d['v'] = a",
         "a = d['v'].copy()", "d = {**d, 's': y}", "o.u = o.u * 0.5 + x", "o.w[1:3] += y",
         "x += o.bump(x)", "o.w, a = a, o.w", "y -= o.u if 't' in d else o.w[2]"],
        ["x = g(y)", "y += g(0.5 * a[n % 4])", "h(a, x)", "h(A[1], y)", "h(a[1:], x)",
         "x, y = s(y)", "y = r(x, 3)", "y = (lambda t: t * x)(0.5)", "y = q(x) + q(y)",
         "a = np.array([0.3 * v * v + x for v in a])", "u = lambda v: v * y; x = u(0.3)"],
        ["(x, n), y = (y, n + 1), x", "u = (x, y); x = u[1]", "a[0], a[1] = a[1], a[0]",
         "x, a[2] = a[2], x", "A[0], A[1] = A[1].copy(), A[0].copy()", "A[[0, 1]] = A[[1, 0]]",
         "p, *u = a; x = 0.3 * p + u[-1]", "a, c = c.copy(), a"],
        ["z = z * 0.5 + 1j * x", "x = (z * z.conjugate()).real * 0.1", "y = abs(z) * 0.3",
         "z = complex(x, y)", "f = f * np.float32(0.5) + np.float32(1)", "f[0] = x", "f += a",
         "a += f", "n = n + int(x > y)", "n = int(np.sum(a > 0))", "k[0] = x > y", "k &= a < 1",
         "a[k] *= 0.5", "t = x > y", "x = x + 0.1 * t", "y = 0.3 * (not t)", "l[1:] += n % 3",
         "x = a[l[n % 4] % 4]", "a[l % 4] += x", "l[0] = n", "l[:] = l[::-1]", "n = n * 3 % 7",
         "n //= 2", "a[np.array([0, 0, 2])] += y", "np.add.at(a, [0, 0, 2], y)", "w = w * 0.5 + z",
         "w[1:3] = a[:2]", "w.imag[2] = y", "x = a[2].item()", "x = x or y",
         "y = (x > y and x) or 0.5 * y"],
        ["A[0] *= 0.5", "A.T[1] += 0.1 * y", "e = A[1]; e[2:] += y", "A.ravel()[3] += x",
         "a.reshape(2, 2)[0] *= y", "np.multiply(a, 0.5, out=a)", "a[1:][::2] += x",
         "b = A[2, 1:3]", "A[n % 3, 1:3] = b", "A[n % 3][1] = y", "a = A[n % 3]", "A[1] = a",
         "A[:2, 1:3] += np.outer(b, b) * 0.1", "A[A > 1] = x", "A.flat[5] = y", "c = a[:]",
         "A[[0, 2], [1, 1]] = y", "a[1:] += 0.5 * a[:-1]", "a.sort()", "A[1, :] = A[0, ::-1]"],
        ["if x > y: L.append(x)", "x = 0.3 * sum([v * v for v in a if v > 0])", "M.append(y)",
         "y = 0.2 * len([v for v in L if v > x])", "L = [v * 0.5 for v in a]", "n += n in (1, 2)",
         "M = [v for v in L if v < y]", "y = 0.5 * np.sum(np.array(M)) if M else y", "x = M[-1]",
         "if a[1] > x: M.append(0.5 * y)", "x = 0.3 * sum(M)", "n = len(M) + len(L)",
         "np.fill_diagonal(A, x)", "np.copyto(a, c, where=k)", "np.put(a, [1, 3], y)",
         "a[::-2] = x", "A[::-1, 1::2] *= 0.5", "np.swapaxes(A, 0, 1)[1] += x",
         "c = np.where(a > y, a, c)", "a.flat[1:] = x", "A[:, ::-2][1:] += y"],
        ["T[0] *= 0.5", "T[:, 1:, ::2] += y", "T[..., 0] = T[..., 1]", "T[0, 1] = x",
         "T[n % 2, :, n % 3] += 0.1 * y", "x = 0.1 * np.sum(T[:, 0])", "T = T.transpose(1, 0, 2)",
         "T[T > 1] = x", "T[:, [0, 1], [1, 2]] = y", "T.reshape(4, 3)[1:3] += x", "T[1] = T[0]",
         "T[None, :, -1][0] += y", "np.moveaxis(T, 2, 0)[0] -= x", "T[:, n % 2, 1:] = y",
         "y = T[n % 2, 0, n % 3]", "T = np.where(T > y, T, 0.5 * T)", "x, n = j(T[0], y)"],
        ["F += A", "F[1] = a", "A[:] = F", "A = A + F", "F *= np.float32(0.5)",
         "y = float(F[1, 2])", "F[n % 3, 1:] = x", "F = F[::-1]",
         "np.add(F, A, out=A)", "l += F[0] > 0.5", "F.T[1] = y",
         "np.multiply(F, 2, out=F)", "F[F > 1] -= 1", "n += int(F[0, 0])",
         "y, n = j(F, 0.5 * x)"],
        ["R[0][1] = x", "R[n % 2][0] += y", "R[1] = [y, x]", "x = 0.3 * R[-1][0]",
         "u = R[0]; u[1] = y", "R[0], R[1] = R[1], R[0]", "R = [list(u) for u in R]",
         "y = 0.2 * sum(map(sum, R))",
         "x = 0.1 * sum(u[0] for u in R)", "R[0] = R[1]", "x, n = j(R, y)",
         "R[1] = [2 * v for v in R[0]]"],
        ["a = a if n % 2 else c", "y = min(x, y)", "a[0 if x > y else 1] = 0.3",
         "(a if x > y else c)[0] = y", "n += 1 if x > y else 2", "e = A[0] if x > y else A[1]"],
    ],
    in_loops=["x += 0.1 * v", "a[i % 4] += 0.1 * v", "x = 0.5 * x + i * 0.01", "e *= 0.5",
              "L.append(v)", "A[i % 3] += 0.1 * a", "A[i % 3, i % 4] = y", "a[:i % 4] += 0.1",
              "x += 0.1 * np.sum(a[i % 3:])", "L[i % len(L)] += 0.1", "x += 0.1 * L[i % len(L)]",
              "n = i", "P.append(a * 0.5)", "a, c = c, a * 0.9",
              "T[i % 2, i % 2] += 0.1 * x", "T[i % 2] *= 0.9", "F[i % 3] = 0.5 * a",
              "R[i % 2][1] = x", "e = A[i % 3]", "e = A[i % 3]; e += 0.1", "c = A[i % 3]",
              "L.append(x); L.pop(0)"],
    tests=[*NAMES.tests, "np.any(a > 0.7)", "x > 0 and y > 0", "n % 2 == 0", "len(L) > 2", "t",
           "k[0]", "d['s'] > 0", "f[0] > 0", "z.real > y", "l[1] > 2", "L[-1] > 0", "o.u > x",
           "T[0, 0, 0] > y", "F[0, 0] > 0.5", "R[0][0] > y"],
    heads=[*NAMES.heads, "i in range(n % 4)", "i in range(1, 40, 3)", "i in reversed(range(20))",
           "v in a", "i, v in enumerate(a)", "v, u in zip(a, c)", "v in reversed(a)", "e in A",
           "i, e in enumerate(A)", "v in list(L)", "v in [x, y]", "v, y in ((x, y), (y, x))",
           "v in (0.1, 0.2, 0.3) * 10", "v in np.linspace(0, 1, 30)", "v in np.tile(a, 6)",
           "i, (v, u) in enumerate(zip(a[1:], a))", "i in range(3 if x > y else 4)",
           "i, v in halves(x)", "v, u in R", "i, (v, u) in enumerate(T[:, 0, :2])"],
    whiles=[*NAMES.whiles, "x < 3 and m < 20", "m < n % 5", "m < 25", "t and m < 6"],
    around=[("if len(a) == 4:", ""), ("try:", "finally:\n    x = x * 0.5 + y"),
            ("with np.errstate(all='ignore'):", "")],
)  # fmt: skip
