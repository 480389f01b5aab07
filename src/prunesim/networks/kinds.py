"""What kind of output a module or an operation makes."""

from torch import nn

from prunesim.networks.modules import Add, GlobalPool


def _modules(names):
    return tuple(getattr(nn, name) for name in names.split() if hasattr(nn, name))


_MODULES = {
    # Every activation of torch.nn but those that make a distribution of their inputs.
    "relu": _modules(
        "ReLU ReLU6 LeakyReLU PReLU RReLU ELU SELU CELU GELU SiLU Mish Hardswish Hardtanh Hardsigmoid Hardshrink "
        "Sigmoid LogSigmoid Tanh Tanhshrink Softplus Softsign Softshrink Threshold GLU"
    ),
    "pool": (
        *_modules(
            "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d "
            "AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d LPPool1d LPPool2d LPPool3d "
            "FractionalMaxPool2d FractionalMaxPool3d"
        ),
        GlobalPool,
    ),
    "linear": _modules("Linear Bilinear"),
    "conv": _modules("Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d"),
    "add": (Add,),
    "norm": _modules(
        "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm "
        "GroupNorm RMSNorm LocalResponseNorm"
    ),
}
_OPERATIONS = {
    "relu": (
        "relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish hardswish hardtanh hardsigmoid hardshrink "
        "sigmoid logsigmoid tanh tanhshrink softplus softsign softshrink threshold glu"
    ),
    "pool": (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d lp_pool3d"
    ),
    "linear": "linear",
    "conv": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "norm": "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm",
    "add": "add",
    "cat": "cat",
    "other": "mul sub div mean matmul bmm einsum softmax scaled_dot_product_attention",
}
OPERATIONS = {name: kind for kind, names in _OPERATIONS.items() for name in names.split()}
# Other names of the same operations, among them those of Python's operators.
SAME = {
    **{f"{prefix}{name}": name for prefix in ("i", "r") for name in ("add", "mul", "sub", "matmul")},
    **dict.fromkeys(("truediv", "rtruediv", "itruediv", "divide", "true_divide"), "div"),
    **dict.fromkeys(("concat", "concatenate"), "cat"),
    **dict.fromkeys(("multiply",), "mul"),
    **dict.fromkeys(("subtract", "rsub"), "sub"),
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
    "max_pool2d_with_indices": "max_pool2d",
    "log_sigmoid": "logsigmoid",
}


def module_kind(module):
    """Return the kind of the output of a module; ``block`` for one of several modules, ``other`` for what is left."""
    for kind, types in _MODULES.items():
        if isinstance(module, types):
            return kind
    return "block" if any(module.children()) else "other"


def is_one_operation(module):
    """Return whether what happens inside a module is no output of its own."""
    if module_kind(module) not in ("block", "other") or isinstance(module, nn.MultiheadAttention):
        return True
    return type(module).__module__.startswith("torch.nn.") and not any(module.children())
