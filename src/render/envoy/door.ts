/**
 * The door of a ModelDeployment: TLS, and what proves who a client is.
 *
 * Certificates stay in the files that the kubelet writes. Envoy is told where they lie in files of their own, one for
 * each, and watches the folder of the kubelet: a renewed certificate is taken for new connections, one that cannot be
 * read changes nothing. Keys of an issuer are part of the listener, because Envoy reads those once.
 */
import type { Authentication } from "../../api/authentication.ts";
import { contentHash } from "../../api/content-hash.ts";
import { type Credential, type Door, tlsCredentials } from "../../api/credential.ts";
import type { ConfigurationLayout } from "./layout.ts";
import {
  fileSource,
  type JsonObject,
  protoDuration,
  type ResourceFile,
  resourceFile,
  TYPE_URL,
} from "./resource.ts";

/** A file that tells Envoy where a certificate lies. */
export interface SecretFile {
  /** Follows from the content, so a file never changes under its name. */
  readonly name: string;
  readonly file: ResourceFile;
}

/** A client that does not finish its handshake is not waited for. */
const HANDSHAKE_TIMEOUT_MILLISECONDS = 10_000;

/** What a filter chain has beside its filters, and the files that it refers to. */
export interface RenderedTls {
  readonly fields: JsonObject;
  readonly secrets: readonly SecretFile[];
}

/** TLS of a filter chain; nothing without it. */
export function renderTls({ tls, authentication }: Door, layout: ConfigurationLayout): RenderedTls {
  if (tls === undefined) return { fields: {}, secrets: [] };
  const certificate = certificateFile(tlsCredentials(tls.secretName), layout);
  const clientAuthority = authentication?.mutualTLS?.ca;
  const authority = clientAuthority === undefined ? undefined : authorityFile(clientAuthority, layout);
  return {
    fields: {
      transport_socket_connect_timeout: protoDuration(HANDSHAKE_TIMEOUT_MILLISECONDS),
      transport_socket: {
        name: "envoy.transport_sockets.tls",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
          ...(authority === undefined ? {} : { require_client_certificate: true }),
          common_tls_context: {
            alpn_protocols: ["h2", "http/1.1"],
            tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
            tls_certificate_sds_secret_configs: [secretReference(certificate, layout)],
            ...(authority === undefined
              ? {}
              : { validation_context_sds_secret_config: secretReference(authority, layout) }),
          },
        },
      },
    },
    secrets: authority === undefined ? [certificate] : [certificate, authority],
  };
}

/**
 * The filter that asks for a token; none without.
 *
 * @throws Error when the keys of the issuer are not inline: the listener would let nobody in.
 */
export function tokenFilters(authentication: Authentication | undefined): readonly JsonObject[] {
  const { jwt } = authentication ?? {};
  if (jwt === undefined) return [];
  const { issuer, audiences, jwks } = jwt;
  if (jwks.inline === undefined) throw new Error("the keys of the issuer have not been read");
  const provider = {
    issuer,
    audiences: [...audiences],
    local_jwks: { inline_string: jwks.inline },
    // The header alone: by default Envoy takes a token from the query, too, and queries stand in logs.
    from_headers: [{ name: "authorization", value_prefix: "Bearer " }],
    require_expiration: true,
    jwt_cache_config: {},
  };
  return [
    {
      name: "envoy.filters.http.jwt_authn",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers: { issuer: provider },
        rules: [{ match: { prefix: "/" }, requires: { provider_name: "issuer" } }],
      },
    },
  ];
}

function certificateFile(
  [certificate, privateKey]: readonly Credential[],
  layout: ConfigurationLayout,
): SecretFile {
  if (certificate === undefined || privateKey === undefined)
    throw new Error("a certificate needs its two keys");
  return secretFile({
    tls_certificate: {
      certificate_chain: { filename: layout.credential(certificate) },
      private_key: { filename: layout.credential(privateKey) },
      watched_directory: { path: layout.credentialDirectory },
    },
  });
}

function authorityFile(authority: Credential, layout: ConfigurationLayout): SecretFile {
  return secretFile({
    validation_context: {
      trusted_ca: { filename: layout.credential(authority) },
      watched_directory: { path: layout.credentialDirectory },
    },
  });
}

function secretFile(content: JsonObject): SecretFile {
  const name = contentHash(content);
  return { name, file: resourceFile([{ "@type": TYPE_URL.secret, name, ...content }]) };
}

function secretReference({ name }: SecretFile, layout: ConfigurationLayout): JsonObject {
  return { name, sds_config: fileSource(layout.secrets(name)) };
}
