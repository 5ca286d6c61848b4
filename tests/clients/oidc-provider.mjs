// A certified OpenID provider, driven by a test: `node oidc-provider.mjs PORT KID CLIENTS SCOPES`.
//
// CLIENTS is a JSON object: for each client the tenant that its tokens shall name; the secret of each is `secret`. SCOPES
// are those that it knows, separated by spaces; it gives no token for any other. It issues tokens for whatever resource it is asked for, at that resource's word. POST /next-key makes it sign with a new
// key, whose name is KID with a number; the old one stays published. It decides nothing about what is right.
//
// Run it with NODE_PATH set to where oidc-provider is installed.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// `import` does not look into NODE_PATH, `require` does.
const require = createRequire(import.meta.url);
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const [port, kid, clients, scopes] = process.argv.slice(2);
const tenants = JSON.parse(clients);
const keys = [];

function newKey(name) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  keys.unshift({ ...privateKey.export({ format: 'jwk' }), kid: name, alg: 'RS256', use: 'sig' });
}

function newProvider() {
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: Object.keys(tenants).map((client_id) => ({
      client_id, client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    })),
    jwks: { keys },
    scopes: scopes.split(' '),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: scopes, audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (_, token) => ({ tenant: tenants[token.clientId] }),
  });
  return provider.callback();
}

newKey(kid);
let answer = newProvider();
createServer((request, response) => {
  if (request.url !== '/next-key') return answer(request, response);
  newKey(`${kid}-${keys.length + 1}`);
  answer = newProvider();
  response.end();
}).listen(Number(port), '127.0.0.1');
