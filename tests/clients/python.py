"""The official Python client, driven by a test: `python.py URL auto|legacy|modern`.

Reads a JSON array of steps from stdin, takes them over one connection, and prints one JSON array: first what was
negotiated, then a result for each step. A step or a connect that fails is a result too; the exit code stays 0, so that a
test reads one thing. TOKEN, if set, goes along with every request; with CLIENT and ISSUER it asks for tokens itself. It
decides nothing about what is right.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client, types
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client

MODES = {"auto": "auto", "legacy": "legacy", "modern": "2026-07-28"}

OPERATIONS = {
    "list_tools": lambda client, step: client.list_tools(),
    "call": lambda client, step: client.call_tool(step["name"], step.get("args", {})),
    "list_prompts": lambda client, step: client.list_prompts(),
    "prompt": lambda client, step: client.get_prompt(step["name"], step.get("args", {})),
    "list_resources": lambda client, step: client.list_resources(),
    "list_templates": lambda client, step: client.list_resource_templates(),
    "read": lambda client, step: client.read_resource(step["uri"]),
}


async def main(url, era, steps):
    token = os.environ.get("TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    results = []
    refused = []
    hooks = {"response": [lambda response: note(response, refused)]}
    try:
        auth = own_sign_in(url)
        async with httpx2.AsyncClient(headers=headers, timeout=60, event_hooks=hooks, auth=auth) as http:
            transport = streamable_http_client(url, http_client=http)
            own = {"elicitation_callback": fill_in, "sampling_callback": think}
            async with Client(transport, mode=MODES[era], **own) as client:
                results.append({"negotiated": client.protocol_version})
                for step in steps:
                    results.append(await attempt(client, step, refused))
    except Exception as error:  # whatever ended the connection is this connection's result
        results.append({"ok": False, "error": told(error, refused)})
    return results


class Tokens:
    """Where the client keeps what it was given."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


def own_sign_in(url):
    """The client's own way to a token, where it has credentials for an issuer."""
    client, issuer = os.environ.get("CLIENT"), os.environ.get("ISSUER")
    return ClientCredentialsOAuthProvider(url, Tokens(), client, "secret", issuer=issuer) if client else None


async def note(response, refused):
    """Keeps the HTTP statuses of refusals, which the client's own errors do not carry."""
    if response.status_code >= 400:
        refused.append(response.status_code)


async def fill_in(_context, params):
    """A user who fills in what a form asks for by all means, always alike."""
    values = {"string": "Ann", "boolean": True, "integer": 1, "number": 1}
    properties = params.requested_schema["properties"]
    names = params.requested_schema.get("required") or properties
    content = {name: values[properties[name]["type"]] for name in names}
    return types.ElicitResult(action="accept", content=content)


async def think(_context, _params):
    """A model that says one thing."""
    return types.CreateMessageResult(role="assistant", content=types.TextContent(type="text", text="thought"), model="m")


async def attempt(client, step, refused):
    refused.clear()
    try:
        result = await OPERATIONS[step["op"]](client, step)
        return {"ok": True, "result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}
    except Exception as error:  # a step that fails is a result, of whatever kind the failure is
        return {"ok": False, "error": told(error, refused)}


def told(error, refused):
    """The innermost of what went wrong: task groups wrap it, sometimes more than once."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return {
        "code": getattr(error, "code", None),
        "message": str(error) or type(error).__name__,
        "status": refused[-1] if refused else None,
        "data": getattr(error, "data", None),
    }


if __name__ == "__main__":
    _, url, era = sys.argv
    print(json.dumps(asyncio.run(main(url, era, json.load(sys.stdin))), default=str))
