import { encodeMessage, type Field } from './protobuf.ts';

/** Numbers of `TensorProto.DataType`. */
export const elementTypes = { f32: 1, i32: 6, i64: 7, f16: 10, bf16: 16 } as const;
export type ElementType = keyof typeof elementTypes;

/** Where the bytes of a weight lie: in a file beside the graph. */
export interface ExternalData {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

export type Attribute = number | { readonly float: number } | string | readonly number[];

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly domain?: 'com.microsoft';
  /** Names of the outputs; one is made up when left out. */
  readonly outputs?: readonly string[];
}

/** An axis: a size, or the name of one that is known at run time. */
export type Axis = number | string;

const irVersion = 10n;
const opset = 21n;

/** Collects the nodes of a graph in the order in which they run. Fields' numbers are those of onnx.proto. */
export class GraphBuilder {
  readonly #nodes: Field[] = [];
  readonly #initializers: Field[] = [];
  readonly #inputs: Field[] = [];
  readonly #outputs: Field[] = [];
  readonly #shared = new Map<string, string>();

  /** Its first output. A left-out input is ''. */
  node(operator: string, inputs: readonly string[], options: NodeOptions = {}): string {
    const { attributes = {}, domain, outputs = [`${operator}_${this.#nodes.length}`] } = options;
    const fields: Field[] = [
      ...inputs.map((name): Field => [1, name]),
      ...outputs.map((name): Field => [2, name]),
      [3, outputs[0] ?? operator],
      [4, operator],
      ...Object.entries(attributes).map(([name, value]): Field => [5, attributeFields(name, value)]),
      ...(domain === undefined ? [] : [[7, domain] as const]),
    ];
    this.#nodes.push([1, fields]);
    return outputs[0] ?? '';
  }

  /** What several parts use, made once. */
  shared(key: string, make: () => string): string {
    const made = this.#shared.get(key) ?? make();
    this.#shared.set(key, made);
    return made;
  }

  constant(name: string, type: 'f32' | 'i64', shape: readonly number[], values: ArrayLike<number>): string {
    const bytes =
      type === 'f32'
        ? new Uint8Array(Float32Array.from(values).buffer)
        : new Uint8Array(BigInt64Array.from(Array.from(values), BigInt).buffer);
    this.#initializers.push([5, [...tensorFields(name, type, shape), [9, bytes]]]);
    return name;
  }

  external(name: string, type: ElementType, shape: readonly number[], { file, offset, bytes }: ExternalData): string {
    const entries = { location: file, offset: String(offset), length: String(bytes) };
    const stored = Object.entries(entries).map(
      ([key, value]): Field => [
        13,
        [
          [1, key],
          [2, value],
        ],
      ],
    );
    this.#initializers.push([5, [...tensorFields(name, type, shape), ...stored, [14, 1n]]]);
    return name;
  }

  input(name: string, type: ElementType, shape: readonly Axis[]): string {
    this.#inputs.push([11, valueFields(name, type, shape)]);
    return name;
  }

  output(name: string, type: ElementType, shape: readonly Axis[]): void {
    this.#outputs.push([12, valueFields(name, type, shape)]);
  }

  /** The bytes of a `ModelProto`. */
  encode(name: string): Uint8Array<ArrayBuffer> {
    const graph: Field[] = [...this.#nodes, [2, name], ...this.#initializers, ...this.#inputs, ...this.#outputs];
    return encodeMessage([
      [1, irVersion],
      [2, 'gqac'],
      [7, graph],
      [
        8,
        [
          [1, ''],
          [2, opset],
        ],
      ],
      [
        8,
        [
          [1, 'com.microsoft'],
          [2, 1n],
        ],
      ],
    ]);
  }
}

function attributeFields(name: string, value: Attribute): readonly Field[] {
  if (typeof value === 'number')
    return [
      [1, name],
      [3, BigInt(value)],
      [20, 2n],
    ];
  if (typeof value === 'string')
    return [
      [1, name],
      [4, value],
      [20, 3n],
    ];
  if ('float' in value)
    return [
      [1, name],
      [2, value],
      [20, 1n],
    ];
  return [[1, name], ...value.map((one): Field => [8, BigInt(one)]), [20, 7n]];
}

function tensorFields(name: string, type: ElementType, shape: readonly number[]): readonly Field[] {
  return [...shape.map((extent): Field => [1, BigInt(extent)]), [2, BigInt(elementTypes[type])], [8, name]];
}

function valueFields(name: string, type: ElementType, shape: readonly Axis[]): readonly Field[] {
  const axes = shape.map((axis): Field => [1, typeof axis === 'number' ? [[1, BigInt(axis)]] : [[2, axis]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, BigInt(elementTypes[type])],
            [2, axes],
          ],
        ],
      ],
    ],
  ];
}
