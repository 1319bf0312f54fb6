"""Makes the tiny ONNX models that the tests of the model server run on.

Run from this folder, with the versions pinned in requirements.txt:

    python -m venv /tmp/models && /tmp/models/bin/pip install -r requirements.txt
    /tmp/models/bin/python make.py

The files are the same byte for byte on every run. Opset 17 and IR version 8, which every ONNX Runtime since
1.12 reads.
"""

import numpy
import onnx
from onnx import TensorProto, checker, external_data_helper, helper, numpy_helper

DATATYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}

# See brittle().
BRITTLE_SEED = 1491.0


def value(name, element_type, shape):
    return helper.make_tensor_value_info(name, element_type, shape)


def save(name, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = helper.make_model(
        graph, producer_name="petrel-test", ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
    )
    checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    with open(f"{name}.onnx", "wb") as file:
        file.write(data)
    return data


def identity():
    """Every datatype: input X_in comes back as X_out, for any [batch, 2]."""
    save(
        "identity",
        [helper.make_node("Identity", [f"{name}_in"], [f"{name}_out"]) for name in DATATYPES],
        [value(f"{name}_in", kind, ["batch", 2]) for name, kind in DATATYPES.items()],
        [value(f"{name}_out", kind, ["batch", 2]) for name, kind in DATATYPES.items()],
    )


def mlp():
    """A small ranker: features [batch, 4] FP32 to score [batch, 1] FP32, a probability."""
    random = numpy.random.Generator(numpy.random.PCG64(1))
    weights = {
        "w1": random.standard_normal((4, 8)).astype(numpy.float32),
        "b1": random.standard_normal(8).astype(numpy.float32),
        "w2": random.standard_normal((8, 1)).astype(numpy.float32),
    }
    return save(
        "mlp",
        [
            helper.make_node("Gemm", ["features", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "w2"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["score"]),
        ],
        [value("features", TensorProto.FLOAT, ["batch", 4])],
        [value("score", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )


def gather():
    """Two inputs of different rank and type: rows of table [rows, 3] FP32 by index [n] INT64, and their count.

    An index outside of the table fails only when the model runs."""
    save(
        "gather",
        [
            helper.make_node("Gather", ["table", "index"], ["picked"], axis=0),
            helper.make_node("Size", ["index"], ["count"]),
        ],
        [value("table", TensorProto.FLOAT, ["rows", 3]), value("index", TensorProto.INT64, ["n"])],
        [value("picked", TensorProto.FLOAT, ["n", 3]), value("count", TensorProto.INT64, [])],
    )


def logarithm():
    """value [n] FP32 to its logarithm: NaN for a negative number, -Infinity for zero."""
    save(
        "logarithm",
        [helper.make_node("Log", ["value"], ["log"])],
        [value("value", TensorProto.FLOAT, ["n"])],
        [value("log", TensorProto.FLOAT, ["n"])],
    )


def slow():
    """steps [] INT64: a loop of that many products of a 64 x 64 matrix, so that a test sets the time of a run."""
    matrix = numpy_helper.from_array(numpy.eye(64, dtype=numpy.float32), "eye")
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["going_on"]),
            helper.make_node("MatMul", ["carry", "carry"], ["carried"]),
        ],
        "product",
        [
            value("iteration", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("carry", TensorProto.FLOAT, [64, 64]),
        ],
        [value("going_on", TensorProto.BOOL, []), value("carried", TensorProto.FLOAT, [64, 64])],
    )
    save(
        "slow",
        [
            helper.make_node("Loop", ["steps", "", "eye"], ["product"], body=body),
            helper.make_node("ReduceSum", ["product"], ["sum"], keepdims=0),
        ],
        [value("steps", TensorProto.INT64, [])],
        [value("sum", TensorProto.FLOAT, [])],
        [matrix],
    )


def wide():
    """samples [batch, n] FP32 averaged over a window of 8: a run with n below 8 fails."""
    save(
        "wide",
        [
            helper.make_node("Unsqueeze", ["samples", "axis"], ["channel"]),
            helper.make_node("AveragePool", ["channel"], ["pooled"], kernel_shape=[8]),
            helper.make_node("Squeeze", ["pooled", "axis"], ["average"]),
        ],
        [value("samples", TensorProto.FLOAT, ["batch", "n"])],
        [value("average", TensorProto.FLOAT, ["batch", "m"])],
        [numpy_helper.from_array(numpy.array([1], dtype=numpy.int64), "axis")],
    )


def brittle():
    """value [n] FP32 comes back once, in the warm-up; every later run fails, as of a model that is broken.

    ONNX keeps no state but that of its random numbers: with this seed the first one is at most 0.05, and the
    next seventy are not. Above it, the index that is picked is outside of the one-element table."""
    save(
        "brittle",
        [
            helper.make_node("RandomUniform", [], ["draw"], shape=[1], seed=BRITTLE_SEED),
            helper.make_node("Greater", ["draw", "limit"], ["is_above"]),
            helper.make_node("Cast", ["is_above"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "index"], ["zero"]),
            helper.make_node("Add", ["value", "zero"], ["same"]),
        ],
        [value("value", TensorProto.FLOAT, ["n"])],
        [value("same", TensorProto.FLOAT, ["n"])],
        [
            numpy_helper.from_array(numpy.array([0.05], dtype=numpy.float32), "limit"),
            numpy_helper.from_array(numpy.array([0], dtype=numpy.float32), "table"),
        ],
    )


def centered():
    """score [batch] FP32 less the mean over the batch: what a row gives depends on the other rows."""
    save(
        "centered",
        [
            helper.make_node("ReduceMean", ["score"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["score", "mean"], ["centered"]),
        ],
        [value("score", TensorProto.FLOAT, ["batch"])],
        [value("centered", TensorProto.FLOAT, ["batch"])],
    )


def external():
    """value [batch, 2] FP32 plus [1, 2], which lies in the file external.bin beside the model."""
    weights = numpy_helper.from_array(numpy.array([1, 2], dtype=numpy.float32), "weights")
    with open("external.bin", "wb") as file:
        file.write(weights.raw_data)
    external_data_helper.set_external_data(weights, "external.bin", length=len(weights.raw_data))
    weights.ClearField("raw_data")
    save(
        "external",
        [helper.make_node("Add", ["value", "weights"], ["sum"])],
        [value("value", TensorProto.FLOAT, ["batch", 2])],
        [value("sum", TensorProto.FLOAT, ["batch", 2])],
        [weights],
    )


def truncated(data):
    """A model that cannot load: the first half of another one."""
    with open("truncated.onnx", "wb") as file:
        file.write(data[: len(data) // 2])


if __name__ == "__main__":
    identity()
    gather()
    logarithm()
    slow()
    wide()
    brittle()
    centered()
    external()
    truncated(mlp())
