// A login service of OpenID Connect on loopback: oidc-provider with people
// who are whoever they say, as its own pages for development have it.
//
//     node issuer.mjs CONFIG.json
//     node issuer.mjs --version
//
// CONFIG.json: host, port, clients (as oidc-provider has them), seconds (how
// long a machine's token lives), blocked (a file with a name on each line).

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const SHARE = 'urn:example:share';

const { version } = JSON.parse(readFileSync(
    new URL('node_modules/oidc-provider/package.json', import.meta.url)));

if (process.argv[2] === '--version') {
    console.log(version);
    process.exit(0);
}

const config = JSON.parse(readFileSync(process.argv[2]));
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

// What a token of a machine is for: the gateway, by its client_id; or
// something else.
function resourceServer(ctx, resource) {
    return {
        scope: 'open',
        audience: resource === SHARE ? config.clients[0].client_id : resource,
        accessTokenTTL: config.seconds,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
    };
}

const provider = new Provider(`http://${config.host}:${config.port}`, {
    clients: config.clients,
    jwks: { keys: [{
        ...privateKey.export({ format: 'jwk' }),
        alg: 'RS256', kid: 'one', use: 'sig',
    }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        profile: ['preferred_username'],
    },
    pkce: { required: () => true },
    ttl: { AccessToken: 600, ClientCredentials: config.seconds, Grant: 3600,
        IdToken: 600, Interaction: 600, Session: 3600 },
    features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        resourceIndicators: {
            enabled: true,
            defaultResource: () => undefined,
            getResourceServerInfo: resourceServer,
        },
    },
    async findAccount(ctx, id) {
        if (readFileSync(config.blocked, 'utf8').split('\n').includes(id)) {
            return undefined;
        }

        return {
            accountId: id,
            claims: () => ({
                sub: id,
                preferred_username: id,
                email: `${id}@example.org`,
                email_verified: id !== 'mallory',
            }),
        };
    },
});

provider.on('server_error', (ctx, error) => console.error(error));
provider.listen(config.port, '127.0.0.1', () => console.log('ready'));
