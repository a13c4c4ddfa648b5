"""Builds networks as people use them with real Keras: random weights from a fixed seed, an input, and what Keras computes.

    KERAS_BACKEND=tensorflow python bench/keras-networks/make.py v3 FOLDER     (pip install keras==3.15.1 tensorflow-cpu==2.21.0)
    python bench/keras-networks/make.py v2 FOLDER                       (pip install tensorflow==2.15.1)

With jax every shape is compiled, which takes much longer. compare.mjs reads what it wrote.
"""

import argparse
import json
import os
import sys
import time
import warnings
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def rng_of(*words):
    """A generator that depends on the words only; RandomState is frozen by NumPy's own promise."""
    import numpy as np

    return np.random.RandomState(zlib.crc32("/".join(words).encode()))


def leaves(layer):
    """The layers of a model and of the models in it, each once, in order."""
    found = []
    for inner in layer.layers:
        found += leaves(inner) if hasattr(inner, "layers") else [inner]
    return found


def fill(model, name):
    """Weights that keep the size of what flows through, and statistics of BatchNormalization away from 0 and 1."""
    import numpy as np

    seen = set()
    for number, layer in enumerate(leaves(model)):
        if id(layer) in seen or not layer.weights:
            continue
        seen.add(id(layer))
        if type(layer).__name__ in ("Normalization", "RandomRotation", "RandomFlip"):
            continue
        values = []
        for i, weight in enumerate(layer.weights):
            shape, kind = tuple(weight.shape), str(weight.name).split("/")[-1].split(":")[0]
            rng = rng_of(name, str(number), str(i), kind)
            if "seed" in kind:
                values.append(np.asarray(weight))
            elif kind == "moving_variance":
                values.append(rng.uniform(0.5, 2.0, shape))
            elif kind in ("gamma", "scale"):
                values.append(rng.uniform(0.5, 1.5, shape))
            elif kind in ("beta", "bias", "moving_mean", "alpha"):
                values.append(rng.normal(0, 0.2, shape))
            else:
                is_depthwise = "depthwise" in kind or type(layer).__name__.startswith("DepthwiseConv")
                fan_in = np.prod(shape[:-2]) if is_depthwise else np.prod(shape[:-1])
                values.append(rng.normal(0, 1.3 / np.sqrt(max(float(fan_in), 1)), shape))
        layer.set_weights([np.asarray(v, np.float32) for v in values])


def inputs_of(model, name, options):
    import numpy as np

    made = []
    for i, value in enumerate(model.inputs):
        shape = [2] + [11 if dim is None else dim for dim in value.shape[1:]]
        rng = rng_of(name, "input", str(i))
        if "int" in str(value.dtype):
            x = rng.randint(0, options.get("integers", 16), shape).astype(np.int32)
        elif options.get("pixels"):
            x = rng.uniform(0, 255, shape).astype(np.float32)
        else:
            x = rng.normal(0, 1, shape).astype(np.float32)
        if "zeros" in options:
            x[0, -options["zeros"]:] = 0
        made.append(x)
    return made


def calm(model, given, keras):
    """Scales the last kernel so that a softmax at the end is not all 0 and 1."""
    import numpy as np

    last = [layer for layer in model.layers if hasattr(layer, "kernel")]
    if len(model.outputs) > 1 or not last or getattr(model.layers[-1], "activation", None) is None:
        return
    weights = last[-1].get_weights()
    logits = np.abs(np.asarray(keras.Model(model.inputs, last[-1].input)(given, training=False))).max() * np.sqrt(weights[0].shape[-2])
    weights[0] *= 3 / max(float(logits), 3)
    last[-1].set_weights(weights)


def save(folder, name, build, options, keras, is_keras_3):
    import numpy as np

    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = build()
    fill(model, name)
    given = inputs_of(model, name, options)
    given_as_called = given if len(given) > 1 else given[0]
    if model.outputs[0].shape[-1] in (10, 12) and len(model.outputs) == 1:
        calm(model, given_as_called, keras)
    made = model(given_as_called, training=False)
    outputs = [np.asarray(x) for x in (made if isinstance(made, (list, tuple)) else [made])]
    for i, x in enumerate(outputs):
        if not np.isfinite(x).all() or np.abs(x).max() < 1e-6:
            raise ValueError(f"{name}: output {i} is from {x.min()} to {x.max()}")
        spread = float(np.std(x) / np.abs(x).max())
        if x.size > 1 and spread < 1e-5:
            raise ValueError(f"{name}: output {i} is all but constant ({spread})")
    model.save(str(folder / f"{name}.h5"))
    try:
        model.save(str(folder / f"{name}.keras"))
    except TypeError as error:  # Keras 2 cannot write the dots of x[..., 0]
        print(f"{name}.keras: {str(error)[:100]}")
        (folder / f"{name}.keras").unlink(missing_ok=True)
    model.save_weights(str(folder / f"{name}.weights.h5"))
    (folder / f"{name}.json").write_text(model.to_json())
    if not is_keras_3:
        save_tfjs(folder / f"{name}.tfjs", model)
    arrays = {f"input_{i}": x for i, x in enumerate(given)} | {f"output_{i}": x for i, x in enumerate(outputs)}
    np.savez(folder / f"{name}.npz", **arrays)


def save_tfjs(folder, model):
    """A layers model as tensorflowjs 4 writes it: names without `:0`, shards of 4 MiB."""
    import numpy as np

    folder.mkdir(exist_ok=True)
    config = json.loads(model.to_json())
    specs, data, names = [], b"", set()
    for layer in model.layers:
        for weight in layer.weights:
            name = weight.name.removesuffix(":0")
            if name in names:
                continue
            names.add(name)
            value = np.asarray(weight)
            if value.dtype == np.int64:  # as tensorflowjs does
                value = value.astype(np.int32)
            specs.append({"name": name, "shape": list(value.shape), "dtype": str(value.dtype)})
            data += value.tobytes()
    shards = [data[i:i + 2**22] for i in range(0, len(data), 2**22)]
    paths = [f"group1-shard{i + 1}of{len(shards)}.bin" for i in range(len(shards))]
    for path, shard in zip(paths, shards):
        (folder / path).write_bytes(shard)
    topology = {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": {"class_name": config["class_name"], "config": config["config"]}}
    (folder / "model.json").write_text(json.dumps({
        "format": "layers-model", "generatedBy": "keras v2.15.0", "convertedBy": "bench/keras-networks/make.py",
        "modelTopology": topology, "weightsManifest": [{"paths": paths, "weights": specs}],
    }))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["v3", "v2"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="names of networks")
    options = parser.parse_args()
    os.environ["FIXTURE_KERAS"] = "3" if options.kind == "v3" else "2"
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore")
    from networks import IS_KERAS_3, NETWORKS, keras

    import small  # noqa: F401  registers its networks
    import applications  # noqa: F401

    folder = options.folder / options.kind
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, (build, network_options) in NETWORKS.items():
        if options.only is not None and name not in options.only:
            continue
        start = time.time()
        try:
            save(folder, name, build, network_options, keras, IS_KERAS_3)
            print(f"{name} {time.time() - start:.1f} s", flush=True)
        except Exception as error:  # one network must not keep the others from being made
            failed.append(name)
            print(f"{name} FAILED: {type(error).__name__}: {str(error)[:500]}", flush=True)
    if failed:
        sys.exit(f"{len(failed)} failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
