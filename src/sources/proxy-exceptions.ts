/**
 * Which servers are reached without the proxy, as people write it in `NO_PROXY`. Pure.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

/**
 * Whether a server is reached without the proxy, by exceptions as in `NO_PROXY`: a host or an address, a domain as
 * `.svc` or `*.svc`, each perhaps with a port, a network as `10.0.0.0/8`, or `*`. Names are not resolved.
 */
export function isReachedDirectly(url: URL, exceptions: readonly string[]): boolean {
  const host = withoutBrackets(url.hostname).replace(/\.$/, "");
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return exceptions.some((text) => {
    const exception = text.trim().toLowerCase();
    if (exception === "") return false;
    if (exception === "*") return true;
    if (exception.includes("/")) return isInNetwork(host, exception);
    const { name, onlyPort = port } = partsOf(exception);
    if (onlyPort !== port) return false;
    const domain = /^\*?\.(.+)$/.exec(name)?.[1];
    return domain === undefined ? host === name : host === domain || host.endsWith(`.${domain}`);
  });
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function partsOf(exception: string): { readonly name: string; readonly onlyPort?: string } {
  if (isIP(exception) !== 0) return { name: exception };
  const [, name = exception, onlyPort] = /^(.+?)(?::(\d+))?$/.exec(exception) ?? [];
  return { name: withoutBrackets(name), ...(onlyPort === undefined ? {} : { onlyPort }) };
}

function isInNetwork(host: string, exception: string): boolean {
  const [, address = "", prefix = ""] = /^([^/]*)\/(\d{1,3})$/.exec(exception) ?? [];
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  if (isIP(host) === 0 || isIP(address) !== isIP(host)) return false;
  if (Number(prefix) > (family === "ipv4" ? 32 : 128)) return false;
  const network = new BlockList();
  network.addSubnet(address, Number(prefix), family);
  return network.check(host, family);
}
