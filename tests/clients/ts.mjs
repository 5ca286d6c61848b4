// The official TypeScript client, driven by a test: `node ts.mjs URL auto|legacy|modern`.
//
// Reads a JSON array of steps from stdin, takes them over one connection, and prints one JSON array: first what was
// negotiated, then a result for each step. A step or a connect that fails is a result too; the exit code stays 0, so that
// a test reads one thing. TOKEN, if set, goes along with every request; with CLIENT and ISSUER it asks for tokens itself.
// It decides nothing about what is right.
//
// Run it with NODE_PATH set to where the client is installed.

import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

// `import` does not look into NODE_PATH, `require` does.
const require = createRequire(import.meta.url);
const { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const [url, era] = process.argv.slice(2);
const negotiation = { auto: { mode: 'auto' }, legacy: undefined, modern: { mode: { pin: '2026-07-28' } } };

// What the model of this client says, whatever it is asked.
const THOUGHT = { role: 'assistant', content: { type: 'text', text: 'thought' }, model: 'm' };

const operations = {
  list_tools: (client) => client.listTools(),
  call: (client, step) => client.callTool({ name: step.name, arguments: step.args ?? {} }),
  list_prompts: (client) => client.listPrompts(),
  prompt: (client, step) => client.getPrompt({ name: step.name, arguments: step.args ?? {} }),
  list_resources: (client) => client.listResources(),
  list_templates: (client) => client.listResourceTemplates(),
  read: (client, step) => client.readResource({ uri: step.uri }),
};

async function main() {
  const steps = JSON.parse(await text(process.stdin));
  if (!(era in negotiation)) throw new Error(`\`${era}\` is none of auto, legacy, modern`);
  const client = new Client(
    { name: 'partywall-tests', version: '1.0.0' },
    { capabilities: { elicitation: {}, sampling: {} }, ...(negotiation[era] && { versionNegotiation: negotiation[era] }) },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => filledIn(params.requestedSchema));
  client.setRequestHandler('sampling/createMessage', () => THOUGHT);
  const transport = newTransport();
  const connected = await attempt(() => client.connect(transport));
  if (!connected.ok) return [connected];
  const results = [{ negotiated: client.getNegotiatedProtocolVersion() }];
  for (const step of steps) results.push(await attempt(() => take(client, step)));
  await attempt(() => transport.terminateSession());
  await attempt(() => client.close());
  return results;
}

function newTransport() {
  const headers = process.env.TOKEN ? { authorization: `Bearer ${process.env.TOKEN}` } : {};
  const { CLIENT: clientId, ISSUER: expectedIssuer } = process.env;
  const authProvider = clientId && new ClientCredentialsProvider({ clientId, clientSecret: 'secret', expectedIssuer });
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, authProvider });
}

// A user who fills in what a form asks for by all means, always alike.
function filledIn({ properties, required = Object.keys(properties) }) {
  const values = { string: 'Ann', boolean: true, integer: 1, number: 1 };
  const fields = required.map((name) => [name, values[properties[name].type]]);
  return { action: 'accept', content: Object.fromEntries(fields) };
}

function take(client, step) {
  const operation = operations[step.op];
  if (!operation) throw new Error(`no step is called \`${step.op}\``);
  return operation(client, step);
}

async function attempt(act) {
  try {
    return { ok: true, result: await act() };
  } catch (error) {
    return { ok: false, error: told(error) };
  }
}

// A JSON-RPC error has a number for a code; the client's own errors have a word there, and an HTTP status beside it.
function told(error) {
  const { code, message, data } = error;
  return { code, message: message ?? String(error), status: error.status ?? data?.status, data };
}

console.log(JSON.stringify(await main()));
// A transport that still holds a stream open would keep the process alive.
process.exit(0);
