"""Every family of keras.applications in its smallest size, with and without its top; images may be of an odd size."""

from networks import IS_KERAS_3, keras, network

# name: builder, side of the image with the top, side without, further arguments
FAMILIES = {
    "resnet50": ("ResNet50", 64, 75, {}),
    "resnet50v2": ("ResNet50V2", 64, 75, {}),
    "mobilenet": ("MobileNet", 96, 75, {"alpha": 0.25}),
    "mobilenetv2": ("MobileNetV2", 96, 75, {"alpha": 0.35}),
    "mobilenetv3small": ("MobileNetV3Small", 96, 75, {}),
    "mobilenetv3small_minimal": ("MobileNetV3Small", 64, 75, {"minimalistic": True}),
    "mobilenetv3large": ("MobileNetV3Large", 64, 75, {"alpha": 0.75}),
    "efficientnetb0": ("EfficientNetB0", 64, 75, {}),
    "efficientnetv2b0": ("EfficientNetV2B0", 64, 75, {}),
    "densenet121": ("DenseNet121", 64, 75, {}),
    "nasnetmobile": ("NASNetMobile", 64, 75, {}),
    "inceptionv3": ("InceptionV3", 96, 75, {}),
    "inceptionresnetv2": ("InceptionResNetV2", 96, 75, {}),
    "xception": ("Xception", 96, 75, {}),
    "vgg16": ("VGG16", None, 75, {}),
    "convnexttiny": ("ConvNeXtTiny", 64, 75, {}),
}
OF_KERAS_2_ALONE = {
    "regnetx002": ("RegNetX002", 64, 75, {}),
    "regnety002": ("RegNetY002", 64, 75, {}),
    "resnetrs50": ("ResNetRS50", 64, None, {}),
}


def register(name, builder, side, is_top, options):
    def build():
        make = getattr(keras.applications, builder)
        classes = {"classes": 10} if is_top else {}
        return make(weights=None, include_top=is_top, input_shape=(side, side, 3), **classes, **options)

    # Networks with a Rescaling of their own take pixels.
    bytes_in = builder.startswith(("MobileNetV3", "EfficientNet", "ConvNeXt", "RegNet", "ResNetRS"))
    network(f"{name}{'' if is_top else '_notop'}", pixels=bytes_in)(build)


for name, (builder, top, bare, options) in (FAMILIES | ({} if IS_KERAS_3 else OF_KERAS_2_ALONE)).items():
    if top is not None:
        register(name, builder, top, True, options)
    if bare is not None:
        register(name, builder, bare, False, options)
