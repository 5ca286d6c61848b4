// The official TypeScript client signs in, driven by a test: `node sign-in.mjs URL TENANT NAME`.
//
// It finds the issuer, registers and asks by itself; here is only what a person and a browser do: open the page, fill in
// the form, follow the redirect. Then it calls, loses its access token, and calls again, for which it must refresh.
// Prints one JSON object: what each step gave, or the error that ended it; the exit code stays 0, so that a test reads
// one thing. It decides nothing about what is right.
//
// Run it with NODE_PATH set to where the client is installed.

import { createRequire } from 'node:module';

// `import` does not look into NODE_PATH, `require` does.
const require = createRequire(import.meta.url);
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = require('@modelcontextprotocol/client');

const [url, tenant, name] = process.argv.slice(2);
const redirectUrl = 'http://127.0.0.1:33418/callback';

// Keeps what the client asks it to keep, and the address to which it would send the browser.
class Person {
  redirectUrl = redirectUrl;
  clientMetadata = {
    client_name: 'partywall-tests',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  };
  kept = {};
  sent = 0;
  state = () => (this.asked = crypto.randomUUID());
  clientInformation = () => this.kept.client;
  saveClientInformation = (client) => void (this.kept.client = client);
  tokens = () => this.kept.tokens;
  saveTokens = (tokens) => void (this.kept.tokens = tokens);
  saveCodeVerifier = (verifier) => void (this.kept.verifier = verifier);
  codeVerifier = () => this.kept.verifier;
  saveDiscoveryState = (found) => void (this.kept.found = found);
  discoveryState = () => this.kept.found;
  redirectToAuthorization = (address) => {
    this.sent += 1;
    this.address = address;
  };
}

// What a browser does with the address, and the person with the page: every box stays ticked.
async function fillIn(address) {
  const page = await (await fetch(address)).text();
  const form = /name="form" value="([^"]+)"/.exec(page)?.[1];
  const body = new URLSearchParams({ form, tenant, name, answer: 'allow' });
  for (const [, scope] of page.matchAll(/name="scope" value="([^"]+)"/g)) body.append('scope', scope);
  const answer = await fetch(new URL('/authorize', address), { method: 'POST', body, redirect: 'manual' });
  return new URL(answer.headers.get('location'));
}

const newTransport = (person) => new StreamableHTTPClientTransport(new URL(url), { authProvider: person });
const newClient = () => new Client({ name: 'partywall-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
const call = (client, tool, args) => client.callTool({ name: tool, arguments: args });

// Sees to it that the person answers, where the client would send the browser to a page.
async function signIn(told, person, transport) {
  const callback = await fillIn(person.address);
  told.states_are_ours = (told.states_are_ours ?? true) && callback.searchParams.get('state') === person.asked;
  await transport.finishAuth(callback.searchParams);
}

async function main(told) {
  const person = new Person();
  const first = newTransport(person);
  const refused = await newClient().connect(first).then(() => undefined, (error) => error);
  if (!(refused instanceof UnauthorizedError)) throw refused ?? new Error('it connected without a token');
  await signIn(told, person, first);
  const client = newClient();
  const transport = newTransport(person);
  await client.connect(transport);
  told.negotiated = client.getNegotiatedProtocolVersion();
  const add = () => call(client, 'add', { text: `${tenant}: from a page` });
  told.called = await add().catch(async (error) => {
    // The token was good for connecting and not for this.
    if (!(error instanceof UnauthorizedError)) throw error;
    await signIn(told, person, transport);
    return add();
  });
  told.scope = person.kept.tokens.scope;
  const refresh = person.kept.tokens.refresh_token;
  person.kept.tokens.access_token = 'lost';
  told.called_again = await call(client, 'list', {});
  told.refreshed = person.kept.tokens.access_token !== 'lost' && person.kept.tokens.refresh_token !== refresh;
  told.pages = person.sent;
}

const told = {};
await main(told).catch((error) => (told.error = error.stack ?? String(error)));
console.log(JSON.stringify(told));
// A transport that still holds a stream open would keep the process alive.
process.exit(0);
