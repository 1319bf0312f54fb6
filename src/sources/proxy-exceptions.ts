/**
 * Which servers are reached without the proxy, as people write it in `NO_PROXY`. Pure.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

/** What is written as an exception, for messages. */
export const EXPECTED_EXCEPTION =
  "a host, a domain, an address or a network, the first three perhaps with a port";

const NETWORK = /^([^/]*)\/(\d{1,3})$/;
const NAME = /^(?:\*?\.)?[^\s:/[\]*.]+(?:\.[^\s:/[\]*.]+)*\.?$/;

/** Whether a text can be read as an exception. A blank one is taken and means nothing. */
export function isProxyException(text: string): boolean {
  const exception = text.trim();
  if (exception === "" || exception === "*") return true;
  if (exception.includes("/")) return networkOf(exception) !== undefined;
  const { name, onlyPort } = partsOf(exception);
  if (onlyPort !== undefined && Number(onlyPort) > 65_535) return false;
  return isIP(name) !== 0 || NAME.test(name);
}

/**
 * Whether a server is reached without the proxy, by exceptions as in `NO_PROXY`: a host with what is below it, as
 * `example.com`, `.svc` or `*.svc`, or an address, each perhaps with a port; a network as `10.0.0.0/8`; or `*`. Names are
 * not resolved. What cannot be read is no exception.
 */
export function isReachedDirectly(url: URL, exceptions: readonly string[]): boolean {
  const host = withoutDot(withoutBrackets(url.hostname));
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return exceptions.some((text) => {
    const exception = text.trim().toLowerCase();
    if (exception === "") return false;
    if (exception === "*") return true;
    if (exception.includes("/")) return isIn(networkOf(exception), host);
    const { name, onlyPort = port } = partsOf(exception);
    if (Number(onlyPort) !== Number(port)) return false;
    if (isIP(name) !== 0) return isIn(listOf(name), host);
    const domain = withoutDot(name.replace(/^\*?\./, ""));
    // An address has nothing below it.
    return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
  });
}

function withoutDot(host: string): string {
  return host.replace(/\.$/, "");
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function partsOf(exception: string): { readonly name: string; readonly onlyPort?: string } {
  if (isIP(exception) !== 0) return { name: exception };
  const [, name = exception, onlyPort] = /^(.+?)(?::(\d+))?$/.exec(exception) ?? [];
  return { name: withoutBrackets(name), ...(onlyPort === undefined ? {} : { onlyPort }) };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

/** Compares addresses as numbers, however they are written; one of IPv4 in the form of IPv6 is that of IPv4. */
function listOf(address: string, prefix?: number): BlockList {
  const list = new BlockList();
  if (prefix === undefined) list.addAddress(address, familyOf(address));
  else list.addSubnet(address, prefix, familyOf(address));
  return list;
}

function networkOf(exception: string): BlockList | undefined {
  const [, address = "", prefix = ""] = NETWORK.exec(exception) ?? [];
  const isNetwork = isIP(address) !== 0 && Number(prefix) <= (isIPv4(address) ? 32 : 128);
  return isNetwork ? listOf(address, Number(prefix)) : undefined;
}

function isIn(list: BlockList | undefined, host: string): boolean {
  return list !== undefined && isIP(host) !== 0 && list.check(host, familyOf(host));
}
