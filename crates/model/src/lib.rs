//! Würstchen as mathematics: networks, schedules, the ONNX writer, the checkpoint reader.
