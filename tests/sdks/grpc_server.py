"""A gRPC server on its own library: calls with one message and with many, both ways."""

from concurrent import futures

import grpc
from grpc_messages import SERVICE, Customer

EMAIL = "tamsel.wrenfold@example.org"
heard = []


def get(request, context):
    # What was asked comes back too: the gateway covers it again.
    return Customer(email=f"{EMAIL} asked with {len(request.email)}", orders=request.orders)


def listed(request, context):
    for orders in range(request.orders):
        yield Customer(email=EMAIL, orders=orders)


def chat(requests, context):
    for request in requests:
        yield Customer(email=f"{EMAIL} {request.email}", orders=request.orders + 1)


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, f"no such customer: {EMAIL}")


def handler(kind, function):
    return kind(function, request_deserializer=Customer.FromString, response_serializer=Customer.SerializeToString)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
methods = {
    "Get": handler(grpc.unary_unary_rpc_method_handler, get),
    "List": handler(grpc.unary_stream_rpc_method_handler, listed),
    "Chat": handler(grpc.stream_stream_rpc_method_handler, chat),
    "Fail": handler(grpc.unary_unary_rpc_method_handler, fail),
    "Closed": handler(grpc.unary_unary_rpc_method_handler, get),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
