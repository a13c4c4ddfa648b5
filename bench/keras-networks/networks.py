"""The list of networks, and the Keras that builds them: `keras` is Keras 3, or the tf.keras of Keras 2."""

import os

IS_KERAS_3 = os.environ["FIXTURE_KERAS"] == "3"
if IS_KERAS_3:
    import keras
else:
    from tensorflow import keras

layers = keras.layers
NETWORKS = {}


def network(name, **options):
    """Registers a function that builds a network.

    Options: `pixels`, inputs from 0 to 255; `integers`, the exclusive upper bound of integer inputs; `keras2`, `keras3`: False where that Keras
    cannot build it; `zeros`: how many steps at the end of a sequence are 0, which a Masking or Embedding hides.
    """

    def register(build):
        if options.get("keras3" if IS_KERAS_3 else "keras2", True):
            NETWORKS[name] = (build, options)
        return build

    return register
