"""A network as an ONNX model: raw features in, probability of buying again out, normalisation inside.

Operator set 17 and IR version 8, which ONNX Runtime and Triton have read for years; operators that all
execution providers have; no date, host or path in the file, so equal weights are equal bytes.
"""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


def onnx_bytes(network, version, feature_names):
    """Serialises a network: input `features` FP32 [rows, F], output `score` FP32 [rows, 1]."""
    nodes, weights = [], []

    def constant(name, values, dtype=np.float32):
        weights.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def apply(operator, inputs, **attributes):
        output = f"{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    width = len(network.inputs)
    x = "features"
    if network.inputs != tuple(range(len(feature_names))):
        x = apply("Gather", [x, constant("inputs", network.inputs, np.int64)], axis=1)
    x = apply("Max", [x, constant("zero", [0])])
    x = apply("Log", [apply("Add", [x, constant("one", [1])])])
    x = apply("Sub", [x, constant("mean", network.mean)])
    x = apply("Mul", [x, constant("scale", network.scale)])
    if network.hidden_weights is not None:
        width = len(network.hidden_bias)
        hidden = [x, constant("hidden_weights", network.hidden_weights), constant("hidden_bias", network.hidden_bias)]
        x = apply("Relu", [apply("Gemm", hidden)])
    output_weights = constant("output_weights", network.output_weights.reshape(width, 1))
    x = apply("Gemm", [x, output_weights, constant("output_bias", [network.output_bias])])
    nodes.append(helper.make_node("Sigmoid", [x], ["score"], name="score"))

    graph = helper.make_graph(
        nodes,
        "cdnow",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(feature_names)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows", 1])],
        weights,
    )
    model = helper.make_model(
        graph,
        producer_name="petrel-examples",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        doc_string="Probability that a customer of CDNOW buys again within 13 weeks.",
    )
    helper.set_model_props(model, {"version": version, "features": ",".join(feature_names)})
    checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
