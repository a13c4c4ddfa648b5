"""Writes ONNX files as exporters and optimizers write them, for bench/onnx-exports.mjs.

    python onnx-exports.py FOLDER torch|optimize|quantize|keras|brevitas|sklearn [name part ...]

`torch` needs torch, torchvision and onnxscript; `optimize` and `quantize` need onnxruntime and what `torch` wrote; `keras` needs tensorflow and
tf2onnx; `brevitas` needs brevitas and qonnx; `sklearn` needs skl2onnx. Weights are random with a fixed seed; the statistics of BatchNormalization too,
so that folding them is seen. A file FOLDER/MODEL.EXPORTER.onnx has FOLDER/MODEL.EXPORTER.json beside it: shapes and types of what to feed.
"""
import json
import os
import sys
import traceback
import warnings

warnings.filterwarnings('ignore')
FOLDER = sys.argv[1]
KIND = sys.argv[2]
ONLY = sys.argv[3:]
os.makedirs(FOLDER, exist_ok=True)


def wanted(name):
    return not ONLY or any(part in name for part in ONLY)


def path_of(name):
    return os.path.join(FOLDER, name + '.onnx')


def note(name, feeds, **more):
    """feeds: {input: [type, shape, limit of integers]}"""
    with open(os.path.join(FOLDER, name + '.json'), 'w') as file:
        json.dump({'feeds': feeds, **more}, file)
    print('wrote', name, flush=True)


def attempt(name, write):
    if not wanted(name):
        return
    try:
        write()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        text = str(error).strip().splitlines()
        print('NOT EXPORTED', name, type(error).__name__, text[0][:160] if text else '', flush=True)
        if os.environ.get('TRACE'):
            traceback.print_exc()


# --- torch ---------------------------------------------------------------------------------------------------------------------------


def torch_models():
    import torch
    import torch.nn.functional as F
    import torchvision
    from torch import nn

    def image(size=64):
        return (torch.rand(1, 3, size, size),)

    def vision(name, **options):
        def make():
            options.setdefault('weights', None)
            if name in ('googlenet',):
                options['init_weights'] = False
            return getattr(torchvision.models, name)(**options)

        return make

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()

            def block(i, o):
                return nn.Sequential(
                    nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.LeakyReLU(0.1),
                    nn.Conv2d(o, o, 3, padding=1), nn.GroupNorm(4, o), nn.PReLU(o))

            self.down = nn.ModuleList([block(3, 8), block(8, 16), block(16, 32)])
            self.up = nn.ModuleList([block(32 + 16, 16), block(16 + 8, 8)])
            self.raise_ = nn.ModuleList([nn.ConvTranspose2d(32, 32, 2, stride=2), nn.Upsample(scale_factor=2, mode='bilinear')])
            self.last = nn.Conv2d(8, 2, 1)

        def forward(self, x):
            a = self.down[0](x)
            b = self.down[1](F.max_pool2d(a, 2))
            c = self.down[2](F.avg_pool2d(b, 2))
            u = self.up[0](torch.cat([self.raise_[0](c), b], 1))
            v = self.up[1](torch.cat([self.raise_[1](u), a], 1))
            return torch.sigmoid(self.last(v))

    class Recurrent(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.embedding = nn.Embedding(50, 12)
            self.layers = getattr(nn, kind)(12, 10, num_layers=2, bidirectional=True, batch_first=True)
            self.head = nn.Linear(20, 4)

        def forward(self, tokens):
            y, _ = self.layers(self.embedding(tokens))
            return F.log_softmax(self.head(y[:, -1]), -1)

    class Detection(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.Hardswish(), nn.Conv2d(16, 24, 3, 2, 1), nn.SiLU())
            self.boxes = nn.Conv2d(24, 4, 1)
            self.classes = nn.Conv2d(24, 5, 1)

        def forward(self, x):
            y = self.body(x)
            b = self.boxes(y).flatten(2).transpose(1, 2)[0]
            s = self.classes(y).flatten(2).softmax(1)[0]
            scores, labels = s.max(0)
            scores, order = scores.topk(40)
            centre, size = b[:, :2], b[:, 2:].exp()
            boxes = torch.cat([centre - size, centre + size], 1)[order]
            labels = labels[order]
            keep = torchvision.ops.nms(boxes, scores, 0.4)
            inside = boxes[keep].clamp(-1, 1)
            return inside, scores[keep], labels[keep].to(torch.int32)

    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(40, 32)
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation='gelu')
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(32, 40, bias=False)

        def forward(self, tokens):
            positions = torch.arange(tokens.shape[1], device=tokens.device)
            x = self.embedding(tokens) + self.embedding((positions * 7) % 40)
            mask = torch.triu(torch.full((tokens.shape[1], tokens.shape[1]), -30.0), 1)  # finite, so that it can be quantized
            return self.head(self.layers(x, mask=mask))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(32, 96)
            self.norm = nn.RMSNorm(32) if hasattr(nn, 'RMSNorm') else nn.LayerNorm(32)

        def forward(self, x):
            q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
            split = lambda t: t.unflatten(-1, (4, 8)).transpose(1, 2)
            y = F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=True)
            return torch.einsum('bhsd,bhtd->bst', y, split(v)) + x.mean(-1, keepdim=True)

    class Odd(nn.Module):
        """Indexing, scatters, cumulative sums, padding modes, interpolation: what exporters need several operators for."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 3, padding=1, padding_mode='reflect')
            self.conv1 = nn.Conv1d(6, 4, 5, dilation=2, groups=2)

        def forward(self, x):
            y = F.instance_norm(self.conv(x))
            y = F.pixel_shuffle(F.pixel_unshuffle(y, 2), 2)
            z = F.interpolate(y, size=(9, 13), mode='bicubic', align_corners=True)
            z = F.adaptive_avg_pool2d(z, (3, 13)) + F.adaptive_max_pool2d(y, (1, 1))
            w = self.conv1(F.pad(z[:, :, 1], (4, 4), mode='replicate'))
            w = torch.where(w > 0, F.softplus(w), F.elu(w)).cumsum(-1)
            v = w.clone()
            v[:, 1:3, ::2] = 0.5
            v = v.roll(1, -1).std(-1) + w.norm(dim=-1) + torch.logsumexp(w, -1) + w.argmax(-1)
            return v, F.mish(z).masked_fill(z < 0, -1.0).flip(-1), F.hardsigmoid(w).amax((0, 1))

    class Volume(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv3d(1, 6, 3, stride=2, padding=1), nn.BatchNorm3d(6), nn.ReLU6(), nn.MaxPool3d(2),
                                        nn.ConvTranspose3d(6, 4, 2, stride=2), nn.SELU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3))

        def forward(self, x):
            return self.layers(x)

    def vit():
        return torchvision.models.VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=10)

    def lraspp():
        return torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)

    class Segmentation(nn.Module):
        def __init__(self, make):
            super().__init__()
            self.inner = make()

        def forward(self, x):
            return self.inner(x)['out']

    def tokens(limit):
        return (torch.randint(0, limit, (1, 7)),)

    # name, module, arguments, opsets of TorchScript, opsets of the other one
    table = [
        ('resnet18', vision('resnet18', num_classes=100), image(), (7, 9, 11, 13, 17, 20), (18, 23)),
        ('mobilenet_v3_small', vision('mobilenet_v3_small'), image(), (9, 11, 13, 17), (18,)),
        ('efficientnet_b0', vision('efficientnet_b0', num_classes=100), image(), (9, 13, 17), (18,)),
        ('shufflenet_v2_x0_5', vision('shufflenet_v2_x0_5'), image(), (7, 9, 11, 17), (18,)),
        ('squeezenet1_1', vision('squeezenet1_1'), image(), (7, 9, 11, 13, 20), (18,)),
        ('densenet121', vision('densenet121', num_classes=100), image(), (9, 17), (18,)),
        ('regnet_y_400mf', vision('regnet_y_400mf'), image(), (9, 13), (18,)),
        ('googlenet', vision('googlenet', num_classes=100, aux_logits=False), image(), (11, 17), (18,)),
        ('lraspp', lambda: Segmentation(lraspp), image(), (11, 17), (18,)),
        ('vit', vit, image(32), (9, 11, 13, 17, 20), (18, 20, 23)),
        ('text', Text, tokens(40), (11, 14, 17), (18, 23)),
        ('attention', Attention, (torch.rand(1, 6, 32),), (14, 17), (18, 23, 24)),
        ('lstm', lambda: Recurrent('LSTM'), tokens(50), (7, 9, 11, 14, 17), (18,)),
        ('gru', lambda: Recurrent('GRU'), tokens(50), (7, 9, 11, 14, 17), (18,)),
        ('rnn', lambda: Recurrent('RNN'), tokens(50), (9, 17), (18,)),
        ('unet', Unet, image(32), (9, 11, 13, 17), (18, 22)),
        ('detection', Detection, image(48), (11, 13, 17), (18,)),
        ('odd', Odd, image(16), (11, 13, 17), (18, 20)),
        ('volume', Volume, (torch.rand(1, 1, 12, 12, 12),), (9, 13), (18,)),
    ]

    def describe(arguments, batch, half=False):
        feeds = []
        for tensor in arguments:
            is_float = tensor.dtype.is_floating_point
            kind = ('FLOAT16' if half else 'FLOAT') if is_float else 'INT64'
            feeds.append([kind, [batch, *tensor.shape[1:]], 0 if is_float else 40])
        return feeds

    for name, make, arguments, old, new in table:
        if not wanted(name):
            continue
        torch.manual_seed(1)
        model = make().eval()
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                nn.init.normal_(module.running_mean, 0, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.uniform_(module.weight, 0.6, 1.4)
                nn.init.normal_(module.bias, 0, 0.1)
        for parameter in model.parameters():  # some heads begin as zeros, and would hide everything
            if parameter.dim() > 1 and not parameter.any():
                nn.init.normal_(parameter, 0, 0.2)
        dynamic_batch = name not in ('detection',)

        def export(file, dynamo, opset, dynamic, half=False):
            def write():
                made = model.half() if half else model
                args = tuple(a.half() if half and a.dtype.is_floating_point else a for a in arguments)
                options = {}
                if dynamic and dynamo:
                    axes = {0: torch.export.Dim('batch')}
                    args = tuple(torch.cat([a, a]) for a in args)
                    options = {'dynamic_shapes': (axes,)}
                elif dynamic:
                    options = {'dynamic_axes': {'input': {0: 'batch'}, 'output': {0: 'batch'}}}
                if dynamo:
                    options['verbose'] = False
                try:
                    torch.onnx.export(made, args, path_of(file), opset_version=opset, dynamo=dynamo, input_names=['input'], output_names=['output'],
                                      **options)
                finally:
                    if half:
                        model.float()
                feeds = describe(args, 3 if dynamic else 1, half)
                data = path_of(file) + '.data'
                note(file, {'input': feeds[0]}, external=os.path.exists(data))

            attempt(file, write)

        for opset in old:
            export(f'{name}.script{opset}', False, opset, False)
        for opset in new:
            export(f'{name}.dynamo{opset}', True, opset, False)
        if dynamic_batch:
            export(f'{name}.script{old[-1]}-dynamic', False, old[-1], True)
            export(f'{name}.dynamo{new[0]}-dynamic', True, new[0], True)
        if name in ('resnet18', 'mobilenet_v3_small', 'vit', 'unet', 'text'):
            export(f'{name}.script{old[-1]}-fp16', False, old[-1], False, True)
            export(f'{name}.dynamo{new[0]}-fp16', True, new[0], False, True)


if KIND == 'torch':
    torch_models()


# --- what onnxruntime's optimizer makes of them ---------------------------------------------------------------------------------------


def optimize():
    import onnxruntime as ort

    for source in ('resnet18.script17', 'mobilenet_v3_small.script17', 'squeezenet1_1.script13', 'vit.script17', 'vit.dynamo18', 'text.script17', 'unet.script17',
                   'attention.dynamo18', 'lstm.script17'):
        for level, label in ((ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, 'extended'), (ort.GraphOptimizationLevel.ORT_ENABLE_ALL, 'all')):
            name = f'{source}-ort-{label}'

            def write():
                options = ort.SessionOptions()
                options.graph_optimization_level = level
                options.optimized_model_filepath = path_of(name)
                options.log_severity_level = 4
                ort.InferenceSession(path_of(source), options, providers=['CPUExecutionProvider'])
                with open(path_of(source)[:-5] + '.json') as file:
                    note(name, json.load(file)['feeds'])

            attempt(name, write)


def quantize():
    import numpy as np
    import onnx
    from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static)
    from onnxruntime.quantization.shape_inference import quant_pre_process

    random = np.random.default_rng(3)
    for source, shape in (('resnet20', [2, 3, 32, 32]), ('vit.script17', [1, 3, 32, 32]), ('text.script17', None), ('lstm.script17', None)):
        if not wanted(source):
            continue
        if source == 'resnet20':
            path = os.environ.get('RESNET20', '../shared/data/models/cifar10_resnet20.onnx')
        else:
            path = path_of(source)
        feeds = {'input': ['FLOAT', shape, 0]} if shape else {'input': ['INT64', [1, 7], 40]}
        ready = os.path.join(FOLDER, source + '.prepared.tmp')
        try:
            quant_pre_process(path, ready, skip_symbolic_shape=True)
        except Exception as error:
            print('not prepared', source, error)
            ready = path

        class Reader(CalibrationDataReader):
            def __init__(self):
                draw = lambda: random.standard_normal(shape, np.float32) if shape else random.integers(0, 40, (1, 7))
                self.rest = iter([{'input': draw()} for _ in range(4)])

            def get_next(self):
                return next(self.rest, None)

        for label, weights in (('int8', QuantType.QInt8), ('uint8', QuantType.QUInt8)):
            for per_channel in (False, True):
                name = f'{source}-dynamic-{label}{"-channel" if per_channel else ""}'

                def write():
                    quantize_dynamic(ready, path_of(name), weight_type=weights, per_channel=per_channel)
                    note(name, feeds, quantized=True)

                attempt(name, write)
        if source == 'lstm.script17':
            continue
        for form in (QuantFormat.QDQ, QuantFormat.QOperator):
            for label, activations, weights, per_channel in (
                    ('u8s8', QuantType.QUInt8, QuantType.QInt8, False), ('s8s8-channel', QuantType.QInt8, QuantType.QInt8, True),
                    ('u8u8', QuantType.QUInt8, QuantType.QUInt8, False), ('u16s8', QuantType.QUInt16, QuantType.QInt8, True),
                    ('u8s4', QuantType.QUInt8, QuantType.QInt4, False)):
                name = f'{source}-{form.name.lower()}-{label}'

                def write():
                    quantize_static(ready, path_of(name), Reader(), quant_format=form, activation_type=activations, weight_type=weights, per_channel=per_channel)
                    note(name, feeds, quantized=True)

                attempt(name, write)

    def blocks(name, source, make, bits):
        def write():
            path = path_of(source)
            model = onnx.load(path)
            made = make(model)
            made.process()
            (made.model.model if hasattr(made.model, 'model') else made.model)
            onnx.save(made.model.model if hasattr(made.model, 'model') else made.model, path_of(name))
            with open(path[:-5] + '.json') as file:
                note(name, json.load(file)['feeds'], quantized=True)

        attempt(name, write)

    from onnxruntime.quantization import matmul_nbits_quantizer as nbits

    for source in ('vit.script17', 'text.script17'):
        for bits in (4, 8, 2):
            for symmetric in (True, False):
                label = 'symmetric' if symmetric else 'asymmetric'
                blocks(f'{source}-matmulnbits{bits}-{label}', source,
                       lambda model: nbits.MatMulNBitsQuantizer(model, bits=bits, block_size=16, is_symmetric=symmetric,
                                                                algo_config=nbits.DefaultWeightOnlyQuantConfig(
                                                                    block_size=16, is_symmetric=symmetric, bits=bits)), bits)
        blocks(f'{source}-matmul-qdq4', source,
               lambda model: nbits.MatMulNBitsQuantizer(model, bits=4, block_size=16, is_symmetric=True,
                                                        algo_config=nbits.DefaultWeightOnlyQuantConfig(
                                                            block_size=16, is_symmetric=True, bits=4, quant_format=QuantFormat.QDQ)), 4)

    def float16():
        from onnxruntime.transformers.float16 import convert_float_to_float16
        for source in ('squeezenet1_1.script13', 'unet.script17', 'text.script17'):
            with open(path_of(source)[:-5] + '.json') as file:
                feeds = json.load(file)['feeds']
            onnx.save(convert_float_to_float16(onnx.load(path_of(source)), keep_io_types=True), path_of(source + '-converted-fp16'))
            note(source + '-converted-fp16', feeds)

    attempt('converted-fp16', float16)


if KIND == 'optimize':
    optimize()
if KIND == 'quantize':
    quantize()


# --- Keras, by way of tf2onnx -----------------------------------------------------------------------------------------------------------


def keras_models():
    os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
    import numpy as np
    import onnx
    import tensorflow as tf
    import tf2onnx
    from tensorflow import keras
    L = keras.layers

    def small():
        x = i = keras.Input((24, 24, 3))
        x = L.ZeroPadding2D(((0, 1), (0, 1)))(x)
        x = L.Conv2D(8, 3, strides=2, use_bias=False)(x)
        x = L.ReLU(6.0)(L.BatchNormalization()(x))
        x = L.DepthwiseConv2D(3, padding='same', strides=2)(x)
        x = L.Activation('swish')(L.BatchNormalization()(x))
        x = L.SeparableConv2D(12, 3, padding='same', activation='elu')(x)
        y = L.Conv2D(12, 1, dilation_rate=1, activation='hard_sigmoid')(L.GlobalAveragePooling2D(keepdims=True)(x))
        x = L.Multiply()([x, y])
        x = L.Conv2DTranspose(6, 3, strides=2, padding='same')(x)
        x = L.UpSampling2D(2, interpolation='bilinear')(x)
        x = L.MaxPooling2D(2, padding='same')(x)
        x = L.LayerNormalization()(L.AveragePooling2D(3, 2, padding='same')(x))
        return keras.Model(i, L.Dense(5, activation='softmax')(L.Flatten()(x)))

    def sequence():
        i = keras.Input((7,), dtype='int32')
        x = L.Embedding(40, 12)(i)
        x = L.Bidirectional(L.LSTM(8, return_sequences=True))(x)
        x = L.Conv1D(10, 3, padding='causal', activation='tanh')(x)
        x = L.MultiHeadAttention(2, 5)(x, x)
        x = L.GRU(6)(x)
        return keras.Model(i, L.Dense(3, activation='softplus')(x))

    table = [
        ('keras-small', small, [2, 24, 24, 3]),
        ('keras-sequence', sequence, None),
        ('keras-mobilenet', lambda: keras.applications.MobileNet(input_shape=(64, 64, 3), alpha=0.25, weights=None, classes=20), [1, 64, 64, 3]),
        ('keras-mobilenetv2', lambda: keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, weights=None, classes=20), [1, 64, 64, 3]),
        ('keras-efficientnetv2', lambda: keras.applications.EfficientNetV2B0(
            input_shape=(64, 64, 3), weights=None, classes=20, include_preprocessing=False), [1, 64, 64, 3]),
    ]
    for name, make, shape in table:
        if not wanted(name):
            continue
        keras.utils.set_random_seed(1)
        model = make()
        random = np.random.default_rng(4)
        for weight in model.weights:
            if 'moving_mean' in weight.path:
                weight.assign(random.normal(0, 0.2, weight.shape))
            elif 'moving_variance' in weight.path:
                weight.assign(random.uniform(0.5, 2, weight.shape))
        call = tf.function(lambda x: model(x, training=False))
        kind = tf.float32 if shape else tf.int32
        for opset in (9, 11, 13, 15, 17, 18):
            for layout in ('nchw', 'nhwc') if shape and opset in (13, 18) else ('nhwc',):
                file = f'{name}.tf2onnx{opset}-{layout}'

                def write():
                    signature = [tf.TensorSpec([None, *(shape or [0, 7])[1:]], kind, name='input')]
                    options = {'inputs_as_nchw': ['input']} if layout == 'nchw' else {}
                    tf2onnx.convert.from_function(call, signature, opset=opset, output_path=path_of(file), **options)
                    fed = shape or [2, 7]
                    if layout == 'nchw':
                        fed = [fed[0], fed[3], fed[1], fed[2]]
                    note(file, {'input': ['FLOAT' if shape else 'INT32', fed, 40]})

                attempt(file, write)


def brevitas_models():
    import brevitas.nn as qnn
    import torch
    from brevitas.export import export_onnx_qcdq, export_qonnx
    from brevitas.quant import Int8WeightPerChannelFloat, Int8ActPerTensorFloat, SignedBinaryWeightPerTensorConst, SignedTernaryWeightPerTensorConst
    from torch import nn

    def network(weight, bits, acts):
        torch.manual_seed(2)
        model = nn.Sequential(
            qnn.QuantIdentity(bit_width=8, return_quant_tensor=False),
            qnn.QuantConv2d(3, 8, 3, padding=1, bias=False, weight_quant=weight, weight_bit_width=bits), nn.BatchNorm2d(8),
            qnn.QuantReLU(bit_width=acts), nn.MaxPool2d(2),
            qnn.QuantConv2d(8, 12, 3, stride=2, weight_quant=weight, weight_bit_width=bits), nn.BatchNorm2d(12), qnn.QuantReLU(bit_width=acts),
            nn.Flatten(), qnn.QuantLinear(12 * 9, 5, bias=True, weight_quant=weight, weight_bit_width=bits))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, 0, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 2)
        model(torch.rand(4, 3, 16, 16) * 2 - 1)  # the activation ranges are learned from what passes
        return model.eval()

    x = torch.rand(1, 3, 16, 16)
    for label, weight, bits, acts in (('w8', Int8WeightPerChannelFloat, 8, 8), ('w4', Int8WeightPerChannelFloat, 4, 4), ('w2', Int8WeightPerChannelFloat, 2, 3),
                                      ('w1', SignedBinaryWeightPerTensorConst, 1, 2), ('ternary', SignedTernaryWeightPerTensorConst, 2, 2)):
        for form, export in (('qcdq', export_onnx_qcdq), ('qonnx', export_qonnx)):
            name = f'brevitas.{form}-{label}'

            def write():
                model = network(weight, bits, acts)
                with torch.no_grad():
                    export(model, args=x, export_path=path_of(name), opset_version=14, dynamo=False) if form == 'qcdq' else export(
                        model, args=x, export_path=path_of(name), dynamo=False)
                import onnx
                first = onnx.load(path_of(name)).graph.input[0].name
                feeds = {first: ['FLOAT', [1, 3, 16, 16], 0]}
                if form == 'qonnx':  # onnxruntime has no such operators: qonnx executes them itself
                    import numpy as np
                    onnx.IR_VERSION = onnx.helper.IR_VERSION = 10  # of the single nodes that qonnx gives to onnxruntime
                    from qonnx.core.modelwrapper import ModelWrapper
                    from qonnx.core.onnx_exec import execute_onnx
                    from qonnx.transformation.infer_shapes import InferShapes
                    state, values = 17, []
                    for _ in range(3 * 16 * 16):  # as random(17) in onnx-exports.mjs
                        state = state * 48271 % 2147483647
                        values.append(2 * (state / 2147483647) - 1)
                    fed = np.array(values, np.float32).reshape(1, 3, 16, 16)
                    made = execute_onnx(ModelWrapper(path_of(name)).transform(InferShapes()), {first: fed})
                    expected = {k: [list(v.shape), v.astype(np.float32).ravel().tolist()] for k, v in made.items()}
                    note(name, feeds, expected=expected)
                else:
                    note(name, feeds, quantized=True)

            attempt(name, write)


def sklearn_models():
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(5)
    x = random.standard_normal((200, 6)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 1)
    for name, model, target, options in (
            ('mlp', MLPClassifier((12, 8), random_state=1, max_iter=50), y, {'zipmap': False}),
            ('logistic', make_pipeline(StandardScaler(), LogisticRegression()), y, {'zipmap': False}),
            ('regressor', MLPRegressor(hidden_layer_sizes=(10,), activation='tanh', random_state=1, max_iter=50), x[:, 0], {})):
        def write():
            made = to_onnx(model.fit(x, target), x[:1], target_opset=17, options=options or None)
            with open(path_of('sklearn-' + name + '.skl2onnx17'), 'wb') as file:
                file.write(made.SerializeToString())
            note('sklearn-' + name + '.skl2onnx17', {'X': ['FLOAT', [5, 6], 0]})

        attempt('sklearn-' + name, write)


if KIND == 'keras':
    keras_models()
if KIND == 'brevitas':
    brevitas_models()
if KIND == 'sklearn':
    sklearn_models()
