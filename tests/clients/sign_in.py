"""The official Python client signs in, driven by a test: `sign_in.py URL TENANT NAME`.

It finds the issuer, registers and asks by itself; here is only what a person and a browser do: open the page, fill in the
form, follow the redirect. Then it calls, loses its access token, and calls again, for which it must refresh. Prints one
JSON object: what each step gave, or the error that ended it; the exit code stays 0, so that a test reads one thing. It
decides nothing about what is right.
"""

import asyncio
import json
import re
import sys
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

REDIRECT = "http://127.0.0.1:33419/callback"


class Person:
    """Keeps what the client asks it to keep, and answers the page to which it would send the browser."""

    def __init__(self, tenant, name):
        self.fields = {"tenant": tenant, "name": name, "answer": "allow"}
        self.tokens = self.client = self.address = None
        self.sent = 0

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client

    async def redirect(self, address):
        self.sent += 1
        self.address = address

    async def callback(self):
        async with httpx2.AsyncClient() as browser:
            page = (await browser.get(self.address)).text
            form = re.search(r'name="form" value="([^"]+)"', page)[1]
            ticked = re.findall(r'name="scope" value="([^"]+)"', page)
            fields = {"form": form, "scope": ticked, **self.fields}
            answer = await browser.post(urljoin(self.address, "/authorize"), data=fields)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0], iss=query["iss"][0])


async def main(url, tenant, name, told):
    person = Person(tenant, name)
    metadata = OAuthClientMetadata(redirect_uris=[REDIRECT], client_name="partywall-tests")
    provider = OAuthClientProvider(url, metadata, person, person.redirect, person.callback)
    async with httpx2.AsyncClient(auth=provider, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            told["negotiated"] = client.protocol_version
            told["called"] = plain(await client.call_tool("add", {"text": f"{tenant}: from a page"}))
            told["scope"] = person.tokens.scope
            refresh = person.tokens.refresh_token
            # As if an hour had passed: it looks at the clock and not at the answer.
            provider.context.token_expiry_time = 1.0
            told["called_again"] = plain(await client.call_tool("list", {}))
            told["refreshed"] = person.tokens.refresh_token != refresh
            told["pages"] = person.sent


def plain(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


if __name__ == "__main__":
    told = {}
    try:
        asyncio.run(main(*sys.argv[1:], told))
    except BaseException as error:  # whatever ended it is its result
        while isinstance(error, BaseExceptionGroup) and error.exceptions:
            error = error.exceptions[0]
        told["error"] = str(error) or type(error).__name__
    print(json.dumps(told))
