/** A part of a picture, drawn from (0, 0) down. */
export interface Block {
  readonly svg: string;
  readonly height: number;
}

/** A block that another may stand beside. */
export interface NarrowBlock extends Block {
  readonly width: number;
}

type Attributes = Readonly<Record<string, string | number>>;

export function element(name: string, attributes: Attributes, children = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${attribute(value)}"`);
  return `<${name}${written.join('')}${children === '' ? '/>' : `>${children}</${name}>`}`;
}

export function text(x: number, y: number, content: string, style = ''): string {
  return element('text', { x, y, ...(style === '' ? {} : { class: style }) }, escapeXml(content));
}

export function rectangle(x: number, y: number, width: number, height: number, style: string, radius = 3): string {
  return element('rect', { x, y, width, height, rx: radius, class: style });
}

/** Moves a drawing. */
export function at(x: number, y: number, svg: string): string {
  return element('g', { transform: `translate(${short(x)} ${short(y)})` }, `\n${svg}\n`);
}

/** One below the other. */
export function stack(blocks: readonly Block[], gap: number): Block {
  let height = 0;
  const parts = blocks.map((block, index) => {
    const y = height + (index === 0 ? 0 : gap);
    height = y + block.height;
    return at(0, y, block.svg);
  });
  return { svg: parts.join('\n'), height };
}

/** Side by side if there is room, else one below the other. */
export function beside(left: NarrowBlock, right: NarrowBlock, room: number): Block {
  const x = left.width + 56;
  if (x + right.width > room) return stack([left, right], 18);
  return { svg: `${left.svg}\n${at(x, 0, right.svg)}`, height: Math.max(left.height, right.height) };
}

export function escapeXml(content: string): string {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return content.replace(/[&<>"]/g, (character) => named[character] ?? '');
}

const attribute = (value: string | number): string => (typeof value === 'number' ? short(value) : escapeXml(value));

/** Hundredths of a pixel are enough, and the same on every machine. */
const short = (value: number): string => String(Math.round(value * 100) / 100);
