"""Networks as people put them on small devices."""

import numpy as np
from networks import IS_KERAS_3, keras, layers, network

ops = keras.ops if IS_KERAS_3 else None


def conv_bn(x, filters, size, activation="relu", **options):
    x = layers.Conv2D(filters, size, padding="same", use_bias=False, **options)(x)
    return layers.Activation(activation)(layers.BatchNormalization()(x))


@network("ds_cnn_kws")
def ds_cnn():
    """Keyword spotting of MLPerf Tiny: 49 frames of 10 coefficients."""
    x = keras.Input((49, 10, 1))
    h = conv_bn(x, 64, (10, 4), strides=(2, 2))
    h = layers.Dropout(0.2)(h)
    for _ in range(4):
        h = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(h)
        h = layers.Activation("relu")(layers.BatchNormalization()(h))
        h = conv_bn(h, 64, 1)
    h = layers.AveragePooling2D(pool_size=(25, 5))(layers.Dropout(0.4)(h))
    return keras.Model(x, layers.Dense(12, activation="softmax")(layers.Flatten()(h)))


@network("unet")
def unet():
    x = keras.Input((48, 40, 3))
    h, skips = x, []
    for filters in (8, 16, 24):
        h = conv_bn(conv_bn(h, filters, 3), filters, 3)
        skips.append(h)
        h = layers.MaxPooling2D()(h)
    h = conv_bn(h, 32, 3)
    for filters, skip in zip((24, 16, 8), reversed(skips)):
        h = layers.Conv2DTranspose(filters, 3, strides=2, padding="same")(h)
        h = layers.concatenate([h, skip])
        h = conv_bn(h, filters, 3)
    return keras.Model(x, layers.Conv2D(2, 1, activation="softmax")(h))


@network("unet_cropped")
def unet_cropped():
    """As in the paper: convolutions without padding, the skips cropped, up-sampling by repetition and bilinear."""
    x = keras.Input((60, 60, 1))
    a = layers.Conv2D(8, 3, activation="relu")(x)
    b = layers.Conv2D(12, 3, activation="elu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(16, 3, activation="relu")(layers.AveragePooling2D(2)(b))
    h = layers.UpSampling2D(2, interpolation="bilinear")(c)
    cut = (b.shape[1] - h.shape[1]) // 2
    h = layers.Concatenate()([h, layers.Cropping2D(((cut, b.shape[1] - h.shape[1] - cut),) * 2)(b)])
    h = layers.UpSampling2D(2)(layers.Conv2D(12, 3, activation="relu")(h))
    cut = (a.shape[1] - h.shape[1]) // 2
    h = layers.Concatenate()([h, layers.Cropping2D(((cut, a.shape[1] - h.shape[1] - cut),) * 2)(a)])
    return keras.Model(x, layers.Conv2D(1, 1, activation="sigmoid")(h))


def transformer(h, heads, width):
    attended = layers.MultiHeadAttention(heads, width // heads, dropout=0.1)
    n = layers.LayerNormalization(epsilon=1e-6)(h)
    h = layers.Add()([attended(n, n), h])
    n = layers.LayerNormalization(epsilon=1e-6)(h)
    n = layers.Dense(2 * width, activation="gelu")(n)
    return layers.Add()([layers.Dense(width)(layers.Dropout(0.1)(n)), h])


@network("vit_positions_from_input")
def vit():
    """Patches by a convolution, positions by an Embedding of an input."""
    image, places = keras.Input((32, 32, 3)), keras.Input((16,), dtype="int32")
    h = layers.Conv2D(24, 8, strides=8)(image)
    h = layers.Reshape((16, 24))(h)
    h = h + layers.Embedding(16, 24)(places)
    for _ in range(2):
        h = transformer(h, 3, 24)
    h = layers.LayerNormalization()(h)
    return keras.Model([image, places], layers.Dense(10)(layers.GlobalAveragePooling1D()(h)))


@network("vit_flattened", keras2=False)
def vit_of_operations():
    """Positions by an Embedding of a constant, the class from the first token."""
    image = keras.Input((24, 32, 3))
    h = layers.Conv2D(16, 8, strides=8)(image)
    h = ops.reshape(h, (-1, 12, 16))
    first = ops.mean(h, axis=1, keepdims=True)
    h = ops.concatenate([first, h], axis=1)
    for _ in range(2):
        h = transformer(h, 2, 16)
    h = layers.LayerNormalization(epsilon=1e-5)(h)
    return keras.Model(image, [layers.Dense(5, activation="softmax")(h[:, 0]), layers.Flatten()(h[:, 1:, ::2])])


@network("text_transformer", integers=50)
def text_transformer():
    words, places = keras.Input((20,), dtype="int32"), keras.Input((20,), dtype="int32")
    h = layers.Embedding(50, 16)(words) + layers.Embedding(50, 16)(places)
    h = layers.Dropout(0.1)(transformer(h, 2, 16))
    h = layers.MultiHeadAttention(2, 8)(h, h, use_causal_mask=True)
    return keras.Model([words, places], layers.Dense(3, activation="softmax")(layers.GlobalMaxPooling1D()(h)))


@network("tcn")
def tcn():
    x = keras.Input((64, 5))
    h = x
    for dilation in (1, 2, 4, 8):
        before = layers.Conv1D(12, 1, padding="same")(h) if h.shape[-1] != 12 else h
        for _ in range(2):
            h = layers.Conv1D(12, 3, padding="causal", dilation_rate=dilation)(h)
            h = layers.Activation("relu")(layers.BatchNormalization()(h))
            h = layers.SpatialDropout1D(0.1)(h)
        h = layers.Activation("relu")(layers.add([before, h]))
    return keras.Model(x, [layers.Dense(4)(h[:, -1, :]), layers.GlobalAveragePooling1D()(h)])


@network("crnn")
def crnn():
    """Reads text lines: the width becomes time."""
    x = keras.Input((32, 64, 1))
    h = layers.MaxPooling2D(2)(conv_bn(x, 8, 3))
    h = layers.MaxPooling2D((2, 1))(conv_bn(h, 16, 3))
    h = layers.Permute((2, 1, 3))(h)
    h = layers.Reshape((32, 8 * 16))(h)
    h = layers.Dense(16, activation="relu")(h)
    h = layers.Bidirectional(layers.LSTM(12, return_sequences=True))(h)
    h = layers.Bidirectional(layers.GRU(8, return_sequences=True), merge_mode="sum")(h)
    return keras.Model(x, layers.Dense(11, activation="softmax")(h))


@network("crnn_without_permute")
def crnn_without_permute():
    x = keras.Input((16, 40, 2))
    h = layers.MaxPooling2D((2, 2), padding="same")(conv_bn(x, 8, 3))
    h = layers.Reshape((h.shape[1], h.shape[2] * h.shape[3]))(h)
    return keras.Model(x, layers.Dense(4)(layers.LSTM(9)(h)))


@network("gru_masked", zeros=4)
def gru_masked():
    x = keras.Input((12, 6))
    h = layers.Masking()(x)
    h = layers.GRU(10, return_sequences=True)(h)
    h = layers.GRU(8, return_sequences=True, reset_after=False)(h)
    h = layers.GRU(6, go_backwards=True)(h)
    return keras.Model(x, layers.Dense(3, activation="softmax")(h))


@network("sentiment_lstm", integers=40, zeros=5)
def sentiment():
    x = keras.Input((None,), dtype="int32")
    h = layers.Embedding(40, 12, mask_zero=True)(x)
    h = layers.Bidirectional(layers.LSTM(7, return_sequences=True))(h)
    h = layers.LSTM(6)(h)
    return keras.Model(x, layers.Dense(1, activation="sigmoid")(h))


@network("seq2seq", integers=20)
def seq2seq():
    a, b = keras.Input((9,), dtype="int32"), keras.Input((7,), dtype="int32")
    _, hidden, cell = layers.LSTM(8, return_state=True)(layers.Embedding(20, 6)(a))
    seq, _, _ = layers.LSTM(8, return_sequences=True, return_state=True)(layers.Embedding(20, 6)(b), initial_state=[hidden, cell])
    return keras.Model([a, b], layers.TimeDistributed(layers.Dense(20, activation="softmax"))(seq))


@network("siamese_dot")
def siamese():
    """Two images, one network, the cosine of their vectors."""
    inner = keras.Sequential([
        keras.Input((24, 24, 1)), layers.Conv2D(8, 5, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(12, 3, activation="relu"),
        layers.Flatten(), layers.Dense(10),
    ], name="tower")
    a, b = keras.Input((24, 24, 1)), keras.Input((24, 24, 1))
    u, v = inner(a), inner(b)
    near = layers.Dot(axes=1, normalize=True)([u, v])
    return keras.Model([a, b], [layers.Dense(1, activation="sigmoid")(near), layers.Subtract()([u, v])])


@network("siamese_l2", keras2=False)
def siamese_l2():
    inner_x = keras.Input((20, 16, 3))
    h = layers.GlobalAveragePooling2D()(conv_bn(inner_x, 8, 3, strides=2))
    inner = keras.Model(inner_x, layers.UnitNormalization()(layers.Dense(6)(h)), name="tower")
    a, b = keras.Input((20, 16, 3)), keras.Input((20, 16, 3))
    u, v = inner(a), inner(b)
    distance = ops.sqrt(ops.maximum(ops.sum(ops.square(u - v), axis=1, keepdims=True), 1e-7))
    return keras.Model([a, b], [distance, ops.norm(u + v, axis=-1), ops.normalize(u * v)])


@network("siamese_l2_keras2", keras3=False)
def siamese_l2_keras2():
    import tensorflow as tf

    inner_x = keras.Input((20, 16, 3))
    h = layers.GlobalAveragePooling2D()(conv_bn(inner_x, 8, 3, strides=2))
    inner = keras.Model(inner_x, layers.Dense(6)(h), name="tower")
    a, b = keras.Input((20, 16, 3)), keras.Input((20, 16, 3))
    u, v = tf.math.l2_normalize(inner(a), axis=1), tf.math.l2_normalize(inner(b), axis=1)
    distance = tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(u - v), axis=1, keepdims=True), 1e-7))
    return keras.Model([a, b], [distance, tf.norm(u - v, axis=1), tf.abs(u - v)])


@network("autoencoder")
def autoencoder():
    x = keras.Input((28, 28, 1))
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    h = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(h)
    code = layers.Dense(10, name="code")(layers.Flatten()(h))
    h = layers.Reshape((7, 7, 8))(layers.Dense(7 * 7 * 8, activation="relu")(code))
    h = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(h)
    h = layers.Conv2DTranspose(8, 4, strides=2, padding="same", activation="relu")(h)
    return keras.Model(x, [layers.Conv2D(1, 3, padding="same", activation="sigmoid")(h), code])


@network("vae_decoder_nested")
def nested_autoencoder():
    """Encoder and decoder are models of their own."""
    encoder = keras.Sequential([
        keras.Input((16, 16, 1)), layers.Conv2D(6, 3, strides=2, padding="same"), layers.LeakyReLU(), layers.BatchNormalization(),
        layers.Flatten(), layers.Dense(5),
    ], name="encoder")
    decoder = keras.Sequential([
        keras.Input((5,)), layers.Dense(8 * 8 * 4), layers.Reshape((8, 8, 4)), layers.PReLU(shared_axes=[1, 2]),
        layers.Conv2DTranspose(3, 5, strides=2, padding="same"), layers.UpSampling2D(), layers.Conv2D(1, 3, padding="same", activation="tanh"),
    ], name="decoder")
    x = keras.Input((16, 16, 1))
    return keras.Model(x, decoder(encoder(x)))


@network("squeeze_excite_operators")
def squeeze_excite():
    x = keras.Input((33, 31, 3))
    h = conv_bn(x, 16, 3, "swish", strides=2)
    for keep in (True, False):
        se = layers.GlobalAveragePooling2D(keepdims=keep)(h)
        if not keep:
            se = layers.Reshape((1, 1, 16))(se)
        se = layers.Conv2D(4, 1, activation="relu")(se)
        se = layers.Conv2D(16, 1, activation="sigmoid")(se)
        h = h * se + h
        h = conv_bn(h, 16, 3, "relu6")
    return keras.Model(x, layers.Dense(7)(layers.GlobalMaxPooling2D()(h)))


@network("shufflenet", keras2=False)
def shufflenet():
    """Channel shuffle by reshape and transpose, halves by split; all by keras.ops."""
    x = keras.Input((32, 32, 3))
    h = conv_bn(x, 16, 3, strides=2)
    for _ in range(2):
        a, b = ops.split(h, 2, axis=-1)
        b = conv_bn(b, 8, 1)
        b = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(b))
        b = conv_bn(b, 8, 1)
        h = ops.concatenate([a, b], axis=-1)
        h = ops.reshape(h, (-1, 16, 16, 2, 8))
        h = ops.transpose(h, (0, 1, 2, 4, 3))
        h = ops.reshape(h, (-1, 16, 16, 16))
    h = ops.mean(h, axis=(1, 2))
    return keras.Model(x, ops.softmax(layers.Dense(6)(h)))


@network("shufflenet_layers")
def shufflenet_layers():
    x = keras.Input((32, 32, 3))
    h = conv_bn(x, 16, 3, strides=2)
    for _ in range(2):
        h = layers.Conv2D(24, 1, groups=4, use_bias=False)(h)
        h = layers.Reshape((16, 16, 4, 6))(h)
        h = layers.Permute((1, 2, 4, 3))(h)
        h = layers.Reshape((16, 16, 24))(h)
        h = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(h))
        h = conv_bn(h, 16, 1)
    return keras.Model(x, layers.Dense(6)(layers.GlobalAveragePooling2D()(h)))


@network("functional_operations", keras2=False)
def functional_operations():
    """Self-attention and gating by keras.ops alone."""
    x = keras.Input((10, 8))
    q, k, v = (layers.Dense(8, use_bias=False)(x) for _ in range(3))
    scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / np.sqrt(8.0)
    h = ops.matmul(ops.softmax(scores, axis=-1), v)
    gate = ops.sigmoid(layers.Dense(8)(h))
    h = gate * ops.tanh(h) + (1 - gate) * x
    h = ops.where(h > 0, h, 0.1 * h)
    top = ops.max(h, axis=1)
    flat = ops.reshape(h, (-1, 80))
    return keras.Model(x, [ops.clip(flat, -0.5, 0.5), ops.relu(top) ** 2.0, ops.squeeze(ops.expand_dims(top, 1), 1), ops.stack([top, -top], axis=1)])


@network("einsum_operations", keras2=False)
def einsum_operations():
    x = keras.Input((6, 8))
    h = layers.Dense(8)(x)
    scores = ops.einsum("bij,bkj->bik", h, x)
    h = ops.einsum("bik,bkj->bij", ops.softmax(scores), h)
    h = ops.pad(h, [[0, 0], [1, 1], [0, 0]])
    return keras.Model(x, [ops.swapaxes(h, 1, 2), ops.flip(h, axis=1), ops.var(h, axis=-1), ops.roll(h, 1, axis=1), ops.logsumexp(h, axis=-1)])


@network("functions_keras2", keras3=False)
def functions_keras2():
    import tensorflow as tf

    x = keras.Input((16, 16, 4))
    h = layers.Conv2D(8, 3, padding="same")(x)
    h = tf.nn.relu(h) * tf.sigmoid(h)
    a, b = tf.split(h, 2, axis=-1)
    h = tf.concat([b, a], axis=-1)
    h = tf.reshape(h, (-1, 16, 16, 2, 4))
    h = tf.transpose(h, [0, 1, 2, 4, 3])
    h = tf.reshape(h, (-1, 16, 16, 8))
    h = tf.pad(h, [[0, 0], [1, 1], [2, 0], [0, 0]])
    h = tf.clip_by_value(h, -2.0, 2.0)
    mean = tf.reduce_mean(h, axis=[1, 2])
    deep = tf.nn.depth_to_space(h, 2)
    big = tf.image.resize(h, (36, 36))
    return keras.Model(x, [layers.Dense(3)(mean), deep, layers.Conv2D(2, 1)(big)])


@network("super_resolution")
def super_resolution():
    """Sub-pixel up-sampling by Reshape and Permute, and a resized copy of the input."""
    x = keras.Input((12, 14, 3))
    h = layers.Conv2D(16, 5, padding="same", activation="relu")(x)
    h = layers.Conv2D(12, 3, padding="same")(h)
    h = layers.Reshape((12, 14, 2, 2, 3))(h)
    h = layers.Permute((1, 3, 2, 4, 5))(h)
    h = layers.Reshape((24, 28, 3))(h)
    big = layers.Resizing(24, 28, interpolation="bilinear")(x)
    return keras.Model(x, layers.Add()([h, big]))


@network("preprocessing_in_front", pixels=True)
def preprocessing():
    normal = layers.Normalization(axis=-1)
    normal.adapt(np.random.RandomState(3).normal([90, 120, 140], [40, 50, 60], (64, 8, 8, 3)).astype("float32"))
    x = keras.Input((50, 44, 3))
    h = layers.Resizing(32, 32)(x)
    h = layers.RandomFlip("horizontal")(layers.RandomRotation(0.1)(h))
    h = layers.CenterCrop(30, 31)(h)
    h = normal(h)
    h = layers.Rescaling(1 / 2.0, offset=0.1)(h)
    h = conv_bn(layers.ZeroPadding2D(((1, 0), (2, 1)))(h), 8, 3, strides=2)
    h = layers.SeparableConv2D(12, 3, activation="relu", depth_multiplier=2)(h)
    return keras.Model(x, layers.Dense(5, activation="softmax")(layers.Flatten()(h)))


@network("wavenet")
def wavenet():
    x = keras.Input((80, 1))
    h = layers.Conv1D(8, 2, padding="causal")(x)
    skips = []
    for dilation in (1, 2, 4):
        gate = layers.Conv1D(8, 2, padding="causal", dilation_rate=dilation, activation="sigmoid")(h)
        wave = layers.Conv1D(8, 2, padding="causal", dilation_rate=dilation, activation="tanh")(h)
        made = layers.Multiply()([gate, wave])
        skips.append(layers.Conv1D(8, 1)(made))
        h = layers.Add()([h, skips[-1]])
    h = layers.Activation("relu")(layers.Add()(skips))
    return keras.Model(x, layers.Conv1D(4, 1, activation="softmax")(h))


@network("har_cnn_1d")
def har():
    """Activity from a wrist's accelerometer."""
    return keras.Sequential([
        keras.Input((128, 6)), layers.Conv1D(16, 5, strides=2, activation="relu"), layers.MaxPooling1D(2), layers.BatchNormalization(),
        layers.SeparableConv1D(24, 3, padding="same", activation="relu"), layers.AveragePooling1D(3, padding="same"), layers.Flatten(),
        layers.Dropout(0.5), layers.Dense(20, activation="relu"), layers.Dense(6, activation="softmax"),
    ])


@network("video_conv_lstm_free")
def video():
    """A CNN for each frame, then an LSTM."""
    frame = keras.Sequential([
        keras.Input((16, 16, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(8),
    ])
    x = keras.Input((5, 16, 16, 1))
    return keras.Model(x, layers.Dense(3)(layers.LSTM(6)(layers.TimeDistributed(frame)(x))))


@network("c3d")
def c3d():
    x = keras.Input((8, 16, 16, 2))
    h = layers.Conv3D(6, 3, padding="same", activation="relu")(x)
    h = layers.MaxPooling3D((1, 2, 2))(h)
    h = layers.BatchNormalization()(layers.Conv3D(8, 3, strides=2, padding="same")(h))
    h = layers.Conv3DTranspose(4, 3, strides=2, padding="same")(layers.ReLU()(h))
    return keras.Model(x, [layers.Dense(4)(layers.Flatten()(h)), layers.GlobalAveragePooling3D()(h)])


@network("detector_heads")
def detector():
    """Anchors of two scales: heads reshaped to rows and joined."""
    x = keras.Input((64, 48, 3))
    a = conv_bn(conv_bn(x, 8, 3, strides=2), 16, 3, strides=2)
    b = conv_bn(a, 24, 3, strides=2)
    a = layers.Concatenate()([a, layers.UpSampling2D()(layers.Conv2D(8, 1)(b))])
    boxes = [layers.Reshape((-1, 4))(layers.Conv2D(12, 3, padding="same")(h)) for h in (a, b)]
    classes = [layers.Reshape((-1, 5))(layers.Conv2D(15, 3, padding="same")(h)) for h in (a, b)]
    return keras.Model(x, [layers.Concatenate(axis=1)(boxes), layers.Softmax()(layers.Concatenate(axis=1)(classes))])


@network("head_on_mobilenet")
def transfer():
    """Transfer learning as the guides teach it: augmentation, scaling, a nested application, a new head."""
    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.35)
    x = keras.Input((64, 64, 3))
    h = layers.RandomFlip()(x)
    h = layers.Rescaling(1 / 127.5, offset=-1)(h)
    h = base(h, training=False)
    h = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(h))
    return keras.Model(x, layers.Dense(4, activation="softmax")(h))


@network("preprocess_input_in_graph")
def preprocess_input():
    """keras.applications' preprocess_input applied to the symbolic input, as the guides do."""
    x = keras.Input((32, 32, 3))
    h = keras.applications.mobilenet_v2.preprocess_input(x)
    g = keras.applications.resnet50.preprocess_input(x)
    return keras.Model(x, [layers.Conv2D(4, 3)(h), layers.Conv2D(4, 3, strides=2)(g)])


@network("mixed_precision_cnn")
def mixed_precision():
    """Layers of mixed_float16 compute in half precision; here the weights count, so the policy is float32 for the golden output."""
    x = keras.Input((20, 20, 3))
    h = layers.Conv2D(8, 3, dtype="float32")(x)
    h = layers.GroupNormalization(4)(h)
    h = layers.Activation("gelu")(h)
    h = layers.LayerNormalization(axis=[1, 2, 3])(h) if not IS_KERAS_3 else layers.LayerNormalization()(h)
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


@network("multi_input_tabular", integers=9)
def tabular():
    numbers, kind, place = keras.Input((7,), name="numbers"), keras.Input((1,), dtype="int32", name="kind"), keras.Input((1,), dtype="int32", name="place")
    k = layers.Flatten()(layers.Embedding(9, 4)(kind))
    p = layers.Reshape((3,))(layers.Embedding(9, 3)(place))
    h = layers.concatenate([layers.BatchNormalization()(numbers), k, p])
    for units in (16, 8):
        h = layers.Dropout(0.1)(layers.BatchNormalization()(layers.Dense(units, activation="selu")(h)))
    return keras.Model([numbers, kind, place], [layers.Dense(1, name="price")(h), layers.Dense(3, activation="softmax", name="class")(h)])


@network("more_operations", keras2=False)
def more_operations():
    """What audio front ends, detectors and models of other frameworks' people are full of."""
    x = keras.Input((8, 8, 4))
    h = layers.Conv2D(8, 3, padding="same")(x)
    h = h + np.random.RandomState(4).normal(0, 1, (8, 8, 8)).astype("float32")
    big = ops.image.resize(ops.depth_to_space(h, 2), (20, 12), interpolation="bilinear")
    small = ops.space_to_depth(ops.image.resize(big, (10, 6), interpolation="nearest"), 2)
    logs = ops.log1p(ops.square(ops.flip(h, axis=-1)))
    rows = ops.moveaxis(h, -1, 1)
    first = ops.swapaxes(ops.tile(rows[:, :, ::2, ::-1], (1, 1, 2, 1)), 1, 3)
    spread = ops.std(h, axis=(1, 2)) / (1e-3 + ops.var(h, axis=[1, 2]))
    weights = np.random.RandomState(5).normal(0, 1, (8, 3)).astype("float32")
    return keras.Model(x, [
        layers.Conv2D(2, 1)(big), small, logs, first, spread, ops.matmul(h, weights), ops.norm(h, axis=-1), ops.norm(h, ord=1, axis=2, keepdims=True),
        ops.normalize(h, axis=1), ops.normalize(h, order=1), ops.roll(h, -3, axis=3), ops.einsum("bhwc,cd->bhwd", h, ops.convert_to_tensor(weights)),
        ops.log10(ops.abs(h) + 1e-3), ops.arctan(h), ops.take(h, 0, axis=1), ops.repeat(spread, 2, axis=1), ops.cumsum(h, axis=1),
        ops.concatenate([h[..., 1:3], h[:, :, :, -2:]], axis=-1), ops.logsumexp(h, axis=(1, 2)),
    ])


@network("more_functions_keras2", keras3=False)
def more_functions_keras2():
    import tensorflow as tf

    x = keras.Input((8, 8, 4))
    K = keras.backend
    h = layers.Conv2D(8, 3, padding="same")(x)
    h = h + np.random.RandomState(4).normal(0, 1, (8, 8, 8)).astype("float32")
    rows = tf.reshape(h, (-1, 64, 8))
    scores = tf.nn.softmax(tf.matmul(rows, rows, transpose_b=True) / 8.0, axis=-1)
    seen = tf.matmul(scores, rows)
    weights = tf.constant(np.random.RandomState(5).normal(0, 1, (8, 3)).astype("float32"))
    return keras.Model(x, [
        seen, tf.reverse(h, [1, -1]), tf.tile(h, [1, 2, 1, 1]), tf.math.reduce_std(h, axis=[1, 2]),
        tf.math.squared_difference(h, h[..., ::-1]), K.l2_normalize(h, axis=-1), K.sqrt(K.sum(K.square(h), axis=-1, keepdims=True)),
        K.mean(h, axis=[1, 2]), tf.roll(h, 2, axis=1), tf.math.reduce_logsumexp(h, axis=-1), tf.norm(h), tf.nn.space_to_depth(h, 2),
        tf.image.resize(h, (5, 11), method="nearest"), tf.image.resize(h, (5, 11)), h[:, ::2, 1:, tf.newaxis], tf.squeeze(h[:, :1], axis=1), tf.linalg.matmul(rows, weights),
        K.batch_dot(rows, seen, axes=[2, 2]), tf.gather(h, [0, 2], axis=3), tf.keras.activations.gelu(h),
        tf.stack(tf.unstack(h, axis=1), axis=2), tf.math.log1p(tf.abs(h)), tf.cumsum(h, axis=1), tf.keras.layers.LeakyReLU()(h) ** 2,
    ])
