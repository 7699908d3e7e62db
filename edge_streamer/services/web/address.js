// Addresses of this server, all below the place of the page: a proxy may serve it at /cam1/.

/** Return the absolute address of a path such as "api/v1/status".
 *
 * Absolute and without user information: a page opened as http://user:password@host/ may not fetch a relative one. */
export function addressOf(path) {
  return new URL(path, location.origin + location.pathname).href;
}
