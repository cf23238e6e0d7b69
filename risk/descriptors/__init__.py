"""Raw descriptors of a fundamental risk model, one short function each, and their catalogue."""

from risk.descriptors.block import Block
from risk.descriptors.catalogue import DESCRIPTORS
from risk.descriptors.descriptor import Descriptor, fiscal

__all__ = ["DESCRIPTORS", "Block", "Descriptor", "fiscal"]
