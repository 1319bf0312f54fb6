"""Calls a model server with Triton's public Python client and prints what it answers, as JSON.

Standard input: {"address", "protocol": "http" or "grpc", "model", "inferences": [{"inputs", "jsonData", "outputs"}]}.
A tensor is {"name", "datatype", "shape", "data"}, its data flat and each value a text, so that no digit is lost on the
way. `jsonData`: over HTTP, tensors travel inside the JSON text where their datatype allows it, both ways.
"""

import json
import sys

import numpy
from tritonclient import grpc, http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

# Of each call, in seconds; a client's own default is to wait for ever over gRPC.
TIMEOUT_SECONDS = 30
NOT_IN_JSON = {"FP16"}


def parse(text, datatype):
    if datatype == "BOOL":
        return text == "true"
    if datatype == "BYTES":
        return text.encode()
    return float(text) if datatype.startswith("FP") else int(text)


def show(value, datatype):
    if datatype == "BOOL":
        return "true" if value else "false"
    if datatype == "BYTES":
        return value.decode() if isinstance(value, bytes) else value
    return repr(float(value)) if datatype.startswith("FP") else str(int(value))


def input_of(library, tensor, json_data):
    name, datatype, shape = tensor["name"], tensor["datatype"], tensor["shape"]
    values = [parse(text, datatype) for text in tensor["data"]]
    array = numpy.array(values, dtype=triton_to_np_dtype(datatype)).reshape(shape)
    made = library.InferInput(name, shape, datatype)
    if library is http:
        made.set_data_from_numpy(array, binary_data=not json_data or datatype in NOT_IN_JSON)
    else:
        made.set_data_from_numpy(array)
    return made


def output_of(library, name, datatype, json_data):
    if library is http:
        return http.InferRequestedOutput(name, binary_data=not json_data or datatype in NOT_IN_JSON)
    return grpc.InferRequestedOutput(name)


def infer(library, client, model, inference):
    json_data = inference.get("jsonData", False)
    inputs = [input_of(library, tensor, json_data) for tensor in inference["inputs"]]
    outputs = [
        output_of(library, name, datatype, json_data) for name, datatype in inference["outputs"].items()
    ]
    try:
        result = client.infer(model, inputs, outputs=outputs, request_id="a request")
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    answer = result.get_response() if library is http else result.get_response(as_json=True)
    shown = {}
    for name in inference["outputs"]:
        array = result.as_numpy(name)
        datatype = np_to_triton_dtype(array.dtype)
        values = [show(value, datatype) for value in array.ravel()]
        shown[name] = {"datatype": datatype, "shape": list(array.shape), "data": values}
    return {"id": answer["id"], "model": answer["model_name"], "version": answer["model_version"], "outputs": shown}


def main():
    request = json.load(sys.stdin)
    address, model = request["address"], request["model"]
    if request["protocol"] == "http":
        library = http
        client = http.InferenceServerClient(
            address, connection_timeout=TIMEOUT_SECONDS, network_timeout=TIMEOUT_SECONDS
        )
        server, described = client.get_server_metadata(), client.get_model_metadata(model)
    else:
        library = grpc
        client = grpc.InferenceServerClient(address)
        server = client.get_server_metadata(as_json=True, client_timeout=TIMEOUT_SECONDS)
        described = client.get_model_metadata(model, as_json=True, client_timeout=TIMEOUT_SECONDS)
    answers = {
        "serverIsLive": client.is_server_live(),
        "serverIsReady": client.is_server_ready(),
        "modelIsReady": client.is_model_ready(model),
        "otherModelIsReady": client.is_model_ready("another"),
        "server": server,
        "model": described,
        "inferences": [infer(library, client, model, inference) for inference in request["inferences"]],
    }
    client.close()
    json.dump(answers, sys.stdout)


main()
