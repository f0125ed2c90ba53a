"""The WSGI application of `serve`: the four functions of an inference script as /ping, /invocations, /execution-parameters."""

import importlib.util
import json
import os
import sys
import traceback

import sluice_default_handlers as default_handlers
from sluice_formats import media_type
from sluice_script_mode import UserError, log

STATUS = {
    200: "200 OK",
    400: "400 Bad Request",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    406: "406 Not Acceptable",
    415: "415 Unsupported Media Type",
    500: "500 Internal Server Error",
}
JSON = "application/json"
# Handed to the script as str; everything else as bytes. As in SageMaker's images.
TEXT_TYPES = ("text/csv", JSON)


class RequestError(Exception):
    """Ends a request with a status and a message for the client."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Application:
    def __init__(self, code, program, model_dir):
        script = import_script(code, program)
        self._functions = find_functions(script, program)
        self._model = self._functions["model_fn"](model_dir)

    def __call__(self, environ, start_response):
        try:
            status, content_type, body = self._route(environ)
        except RequestError as error:
            status, content_type, body = error.status, "text/plain; charset=utf-8", str(error).encode("utf-8", "replace")
        start_response(STATUS[status], [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def _route(self, environ):
        path, method = environ.get("PATH_INFO"), environ["REQUEST_METHOD"]
        routes = {"/ping": ("GET", self._ping), "/invocations": ("POST", self._invoke)}
        if "execution_parameters_fn" in self._functions:
            routes["/execution-parameters"] = ("GET", self._execution_parameters)
        if path not in routes:
            raise RequestError(404, "There are {}.".format(", ".join(routes)))
        expected, handle = routes[path]
        if method != expected:
            raise RequestError(405, "{} takes {}.".format(path, expected))
        return handle(environ)

    # The model was loaded before the worker took its first request.
    def _ping(self, _environ):
        return 200, JSON, b""

    def _execution_parameters(self, _environ):
        result = self._call("execution_parameters_fn")
        return 200, JSON, to_bytes(result if isinstance(result, (str, bytes)) else json.dumps(result), "execution_parameters_fn")

    def _invoke(self, environ):
        content_type = environ.get("CONTENT_TYPE") or JSON
        accept = environ.get("HTTP_ACCEPT")
        if not accept or accept == "*/*":
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON
        body = read_body(environ)
        if media_type(content_type) in TEXT_TYPES:
            try:
                body = body.decode("utf-8")
            except UnicodeDecodeError as error:
                raise RequestError(400, "The body is not UTF-8: {}.".format(error)) from error
        if "transform_fn" in self._functions:
            name = "transform_fn"
            result = self._call(name, self._model, body, content_type, accept)
        else:
            data = self._call("input_fn", body, content_type)
            prediction = self._call("predict_fn", data, self._model)
            name = "output_fn"
            result = self._call(name, prediction, accept)
        # Either the body alone, or (body, content type).
        body, content_type = result if isinstance(result, tuple) and len(result) == 2 else (result, accept)
        return 200, content_type, to_bytes(body, name)

    def _call(self, name, *arguments):
        """A ValueError says that the request is at fault, anything else that the script is."""
        try:
            return self._functions[name](*arguments)
        except Exception as error:
            log(traceback.format_exc())
            # By name: the class belongs to SageMaker's toolkits, which a script may or may not have.
            if any(cls.__name__ == "UnsupportedFormatError" for cls in type(error).__mro__):
                raise RequestError(406 if name == "output_fn" else 415, str(error)) from error
            if isinstance(error, ValueError):
                raise RequestError(400, str(error)) from error
            raise RequestError(500, "{} failed: {}; see the log.".format(name, type(error).__name__)) from error


def import_script(code, program):
    path = os.path.join(code, program)
    name = os.path.splitext(os.path.basename(program))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UserError("The script {} is not a Python file.".format(path))
    # The script's folder, and the code folder for a script in one of its subfolders.
    sys.path[:0] = dict.fromkeys([os.path.dirname(path), code])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def find_functions(script, program):
    names = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn", "execution_parameters_fn")
    functions = {name: getattr(script, name) for name in names if callable(getattr(script, name, None))}
    if "model_fn" not in functions:
        raise UserError(
            "{} defines no model_fn. Add `def model_fn(model_dir):` that loads the model from model_dir "
            "and returns it.".format(program)
        )
    mixed = [name for name in ("input_fn", "predict_fn", "output_fn") if name in functions]
    if "transform_fn" in functions and mixed:
        raise UserError(
            "{} defines transform_fn and {}. transform_fn takes the place of input_fn, predict_fn and output_fn: keep one or "
            "the other.".format(program, ", ".join(mixed))
        )
    defaults = {name: getattr(default_handlers, name) for name in ("input_fn", "predict_fn", "output_fn")}
    return dict(defaults, **functions)


def read_body(environ):
    # gunicorn ends the stream at the end of the body, with a Content-Length as well as with chunks.
    return environ["wsgi.input"].read()


def to_bytes(body, name):
    if isinstance(body, str):
        return body.encode("utf-8")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    message = "{} returned {}; it must return str, bytes or (body, content type).".format(name, type(body).__name__)
    log(message)
    raise RequestError(500, message)
