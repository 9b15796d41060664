"""An enforcement point written in Python, with nothing of ours but the contract.

The same tests run from either form of the contract: `--contract proto/` compiles the published
`.proto` files, `--contract reflection` asks the server for them. Started by the integration tests
against the bundle `tests/fixtures/bundles/desk`; exits with 0 if every test passed.
"""

import argparse
import json
import queue
import sys
import tempfile
import types
import unittest
from pathlib import Path

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

SERVICE = "palisade.v1.AuthorizationService"
SECONDS = 10


def from_proto_files(root, channel):
    """Messages and stub as `protoc` generates them."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as out:
        files = sorted(str(path) for path in Path(root).rglob("*.proto"))
        google = Path(protoc.__file__).parent / "_proto"
        arguments = [f"-I{root}", f"-I{google}", f"--python_out={out}", f"--grpc_python_out={out}"]
        if protoc.main(["protoc", *arguments, *files]) != 0:
            sys.exit("protoc failed")
        sys.path.insert(0, out)
        from palisade.v1 import authorization_pb2, authorization_pb2_grpc, types_pb2

        sys.path.pop(0)
    messages = types.SimpleNamespace(**{**vars(types_pb2), **vars(authorization_pb2)})
    return messages, authorization_pb2_grpc.AuthorizationServiceStub(channel)


def from_reflection(channel):
    """Messages and stub made from what the server says of itself."""
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    assert {SERVICE, "grpc.health.v1.Health"} <= services, services
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName(SERVICE)

    messages, stub = types.SimpleNamespace(), types.SimpleNamespace()
    for file in (service.file, *service.file.dependencies):
        for name, descriptor in file.message_types_by_name.items():
            setattr(messages, name, message_factory.GetMessageClass(descriptor))
        for enum in file.enum_types_by_name.values():
            for value in enum.values:
                setattr(messages, value.name, value.number)
    for method in service.methods:
        kinds = ("unary" if not s else "stream" for s in (method.client_streaming, method.server_streaming))
        call = getattr(channel, "_".join(kinds))(
            f"/{SERVICE}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        setattr(stub, method.name, call)
    return messages, stub


class EnforcementPoint(unittest.TestCase):
    """What an enforcement point does with a decision point."""

    channel = None
    m = None
    stub = None

    def request(self, tool, arguments, **fields):
        chain = [("USER", "alice"), ("AGENT", "bot")]
        links = [
            self.m.Link(
                asserted=self.m.AssertedActor(
                    kind=getattr(self.m, f"ACTOR_KIND_{kind}"), issuer="corp", subject=subject
                )
            )
            for kind, subject in chain
        ]
        return self.m.AuthorizeRequest(
            chain=links, tool=tool, arguments=json.dumps(arguments).encode(), **fields
        )

    def refused(self, call, request):
        with self.assertRaises(grpc.RpcError) as raised:
            call(request, timeout=SECONDS)
        return raised.exception

    def error_info(self, error):
        status = rpc_status.from_call(error)
        self.assertIsNotNone(status, "no google.rpc.Status in the trailers")
        for detail in status.details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return info
        return self.fail("no google.rpc.ErrorInfo among the details")

    def test_an_allowed_call(self):
        request = self.request("notes.read", {"id": "n-1"}, request_id="py-1")
        answer = self.stub.Authorize(request, timeout=SECONDS)
        self.assertEqual(answer.outcome, self.m.OUTCOME_ALLOW)
        self.assertEqual(answer.reason.code, "permitted")
        self.assertEqual(
            list(answer.reason.determining_policies), ["agents-call-tools", "staff-call-tools"]
        )
        self.assertEqual((answer.revision.bundle, answer.revision.version), ("desk", 7))
        self.assertRegex(answer.revision.digest, "^[0-9a-f]{64}$")
        self.assertRegex(answer.decision_id, "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-")
        self.assertEqual(answer.obligations.deadline.ToSeconds(), 30)
        self.assertEqual(list(answer.obligations.redact_result), ["/author/email"])
        self.assertEqual(answer.valid_for.ToSeconds(), 10)

    def test_a_denied_call_is_a_successful_rpc(self):
        request = self.request("notes.write", {"text": "a secret"})
        answer = self.stub.Authorize(request, timeout=SECONDS)
        self.assertEqual(answer.outcome, self.m.OUTCOME_DENY)
        self.assertEqual(answer.reason.code, "policy_forbid")
        self.assertEqual(answer.reason.sentence, "notes never carry secrets")
        self.assertFalse(answer.HasField("obligations"))

    def test_a_challenge_says_what_is_asked_for(self):
        request = self.request("bank.transfer", {"to": "DE1", "amount": 100.01})
        answer = self.stub.Authorize(request, timeout=SECONDS)
        self.assertEqual(answer.outcome, self.m.OUTCOME_CHALLENGE)
        approval, step_up = answer.requirements
        self.assertEqual(approval.WhichOneof("requirement"), "approval")
        self.assertEqual((approval.approval.approvers, approval.approval.quorum), ("treasury", 2))
        self.assertEqual(approval.approval.expires.ToSeconds(), 900)
        self.assertEqual(approval.approval.approval_id, "")
        self.assertEqual(list(approval.policies), ["transfers-need-approval"])
        self.assertEqual((step_up.step_up.acr, step_up.step_up.max_age.ToSeconds()), ("phr", 300))

    def test_a_batch_is_answered_in_order_with_errors_inline(self):
        requests = [
            self.request("notes.read", {"id": "n-1"}, request_id="a"),
            self.request("notes.read", {"id": "n-1"}, request_id="b", session_id="s-1"),
            self.request("no.such_tool", {}, request_id="c"),
        ]
        batch = self.m.AuthorizeBatchRequest(requests=requests)
        results = self.stub.AuthorizeBatch(batch, timeout=SECONDS).results
        self.assertEqual([result.request_id for result in results], ["a", "b", "c"])
        self.assertEqual(results[0].response.outcome, self.m.OUTCOME_ALLOW)
        self.assertEqual(results[1].error.code, grpc.StatusCode.UNIMPLEMENTED.value[0])
        self.assertEqual(results[1].error.reason, "not_served")
        self.assertEqual(results[2].response.reason.code, "unknown_tool")

    def test_a_stream_answers_while_it_is_open(self):
        outbox = queue.Queue()
        answers = self.stub.AuthorizeStream(iter(outbox.get, None), timeout=SECONDS)
        outbox.put(self.request("notes.read", {"id": "n-1"}, request_id="first"))
        first = next(answers)
        self.assertEqual(
            (first.request_id, first.response.outcome), ("first", self.m.OUTCOME_ALLOW)
        )
        outbox.put(self.request("notes.read", {"id": "n-2"}))
        self.assertEqual(next(answers).error.reason, "request_id_missing")
        for number in range(100):
            outbox.put(self.request("notes.read", {"id": "n"}, request_id=f"r-{number}"))
        outbox.put(None)
        rest = sorted(answer.request_id for answer in answers)
        self.assertEqual(rest, sorted(f"r-{number}" for number in range(100)))

    def test_tools_are_listed_with_their_prospects(self):
        request = self.m.ListToolsRequest(chain=self.request("x.y", {}).chain)
        answer = self.stub.ListTools(request, timeout=SECONDS)
        prospects = {tool.tool: tool.prospect for tool in answer.tools}
        self.assertEqual(prospects["notes.read"], self.m.PROSPECT_ALLOW)
        self.assertEqual(prospects["notes.write"], self.m.PROSPECT_DEPENDS)
        read = next(tool for tool in answer.tools if tool.tool == "notes.read")
        self.assertEqual((read.upstream_name, read.tier), ("readNote", self.m.TIER_1))
        self.assertEqual(read.tool_digest, "00112233445566778899aabbccddeeff" * 2)

    def test_explain_belongs_to_the_administration_socket(self):
        request = self.m.ExplainRequest(request=self.request("notes.read", {"id": "n-1"}))
        error = self.refused(self.stub.Explain, request)
        self.assertEqual(error.code(), grpc.StatusCode.PERMISSION_DENIED)

    def test_a_malformed_request_is_refused_with_a_stable_reason(self):
        request = self.request("notes.read", {"id": "n-1"}, request_id="py-9")
        del request.chain[:]
        error = self.refused(self.stub.Authorize, request)
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        info = self.error_info(error)
        self.assertEqual((info.domain, info.reason), ("palisade", "chain_empty"))
        self.assertEqual(dict(info.metadata), {"request_id": "py-9"})

    def test_a_field_of_an_absent_capability_is_unimplemented(self):
        request = self.request("notes.read", {"id": "n-1"}, transaction_id="t-1")
        error = self.refused(self.stub.Authorize, request)
        self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(self.error_info(error).reason, "not_served")

    def test_a_newer_bundle_than_there_is_is_a_failed_precondition(self):
        options = self.m.Options(minimum_version=8)
        request = self.request("notes.read", {"id": "n-1"}, options=options)
        error = self.refused(self.stub.Authorize, request)
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(self.error_info(error).reason, "revision_not_held")

    def test_health_is_served(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", SERVICE):
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health.Check(request, timeout=SECONDS)
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
        error = self.refused(health.Check, health_pb2.HealthCheckRequest(service="no.such"))
        self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="host:port")
    parser.add_argument("--contract", required=True, help="directory of .proto files, or `reflection`")
    arguments = parser.parse_args()
    with grpc.insecure_channel(arguments.server) as channel:
        grpc.channel_ready_future(channel).result(timeout=SECONDS)
        EnforcementPoint.channel = channel
        if arguments.contract == "reflection":
            EnforcementPoint.m, EnforcementPoint.stub = from_reflection(channel)
        else:
            EnforcementPoint.m, EnforcementPoint.stub = from_proto_files(arguments.contract, channel)
        unittest.main(argv=[sys.argv[0]], verbosity=2)


if __name__ == "__main__":
    main()
