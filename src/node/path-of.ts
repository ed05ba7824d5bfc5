import { fileURLToPath } from 'node:url';
import { UsageError } from '../runtime/abi1/errors.ts';

/** A place as Node's own functions take it. @throws UsageError for anything else, such as an argument that was not given */
export function pathOf(place: string | URL): string {
  if (typeof place === 'string') return place;
  if (!(place instanceof URL)) throw new UsageError(`a path is a text or a URL, and not ${place}`);
  if (place.protocol === 'file:') return fileURLToPath(place);
  throw new UsageError(`${place} is no file: fetchSource of gqac/runtime reads over HTTP`);
}
