"""ResNet-50 of torchvision, with as many classes as the data set has."""

from torchvision.models import resnet50 as torchvision_resnet50


def resnet50(shape, classes):
    """Return an untrained ResNet-50 (He et al. 2016, with the stride in the 3 x 3 convolution) for RGB images."""
    return torchvision_resnet50(num_classes=classes)
