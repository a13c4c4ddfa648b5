"""Prints the weights of a packed model as numpy has them: python read_bnnq.py model.bnnq (needs numpy and safetensors)."""
import json, math, sys, zlib
import numpy as np
from safetensors import safe_open

def weights(path):
    with safe_open(path, "np") as f:
        meta, codes, params = f.metadata(), f.get_tensor("__codes__"), f.get_tensor("__levels__")
        start, end = json.loads(meta["index"])
        index = json.loads(f.get_tensor("__graph__")[start:end].tobytes())
    for w in ({**meta, **entry} for entry in index["weights"]):
        shape, rule, k = w["shape"], w["rule"], int(w["bits"])
        lay = w.get("layout", {"split": shape, "perm": range(len(shape)), "rowAxes": 1})
        dims = [lay["split"][axis] for axis in lay["perm"]]
        n, rows, half, c = math.prod(dims), math.prod(dims[:lay["rowAxes"]]), 2 ** (k - 1), np.arange(2 ** k)
        stored, codes = np.split(codes, [w.get("deflated", k * -(-n // 8))])
        if "deflated" in w:  # as many whole codes a byte as fit, then DEFLATE
            several = np.frombuffer(zlib.decompress(stored.tobytes(), -15), np.uint8).astype(int)
            code = (several[:, None] >> k * np.arange(8 // k) & 2 ** k - 1).ravel()[:n].reshape(rows, -1)
        else:  # plane b holds bit b of every code
            bits = np.unpackbits(stored.reshape(k, -1), axis=1, count=n, bitorder="little").astype(int)
            code = (bits << np.arange(k)[:, None]).sum(0).reshape(rows, -1)
        group = int(w["granularity"][6:]) if w["granularity"].startswith("group") else n // rows
        table = np.arange(rows)[:, None] * -(-(n // rows) // group) + np.arange(n // rows) // group
        table = table * (w["granularity"] != "tensor")
        count = {"affine": 2, "bases": k, "table": 2 * half, "magnitudes": half}.get(rule, 1 + ("geometric" in rule))
        p, params = np.split(params, [(table.max() + 1) * count])
        p = p.reshape(-1, count).astype(float)  # levels are computed in doubles and rounded once
        if rule == "bases": levels = sum(np.where(c >> i & 1, -p[:, i:i + 1], p[:, i:i + 1]) for i in range(k))
        elif rule in ("table", "affine"): levels = p if rule == "table" else (c - p[:, 1:]) * p[:, :1]
        else:  # a sign bit and the number of a size
            size = p if rule == "magnitudes" else (np.arange(half) + (0.5 if rule == "linear" else 0)) * p[:, :1]
            if "geometric" in rule: size = np.cumprod(np.hstack([p[:, :1]] + [p[:, 1:]] * (half - 1)), axis=1)[:, ::-1].copy()
            if rule == "geometric-zero": size[:, 0] = 0
            levels = np.hstack([size, 0 - size])
        yield w["name"], levels.astype(np.float32)[table, code].reshape(dims).transpose(np.argsort(lay["perm"])).reshape(shape)

if __name__ == "__main__":
    for name, values in weights(sys.argv[1]):
        print(name, values.shape, f"{values.mean():.6g} ± {values.std():.6g}")
