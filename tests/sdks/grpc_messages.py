"""Messages of the descriptors that the gateway has, as the runtime of protobuf makes them."""

import os

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

with open(os.environ["DESCRIPTORS"], "rb") as file:
    described = descriptor_pb2.FileDescriptorSet.FromString(file.read())
pool = descriptor_pool.DescriptorPool()
for each in described.file:
    pool.Add(each)
Customer = message_factory.GetMessageClass(pool.FindMessageTypeByName("crm.Customer"))
SERVICE = "crm.Customers"
