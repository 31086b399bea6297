const varintWire = 0
const fixed64Wire = 1
const lengthDelimitedWire = 2
const fixed32Wire = 5

/** Of a tag and of a length or a 32-bit integer, five each. */
const longestHeaderBytes = 10

/**
 * Protocol buffers' wire format, written field by field into one buffer that grows.
 * https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(1024)
  #view = viewOf(this.#bytes)
  length = 0

  /** A copy of what has been written; the writer starts anew, in the same memory. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#bytes.subarray(0, this.length))
    this.length = 0
    return taken
  }

  /** An integer of up to 32 bits: an enumeration, a count. */
  uint32(field: number, value: number): void {
    this.#tag(field, varintWire)
    this.#varint(value)
  }

  /** @param value a whole number, in the range of a signed 64-bit integer. */
  int64(field: number, value: number): void {
    this.#tag(field, varintWire, 10)
    if (value >= 0 && value <= 0xffff_ffff) {
      this.#varint(value)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.length++] = Number(rest & 0x7fn) | 0x80
    this.#bytes[this.length++] = Number(rest)
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, fixed32Wire, 4)
    this.#view.setUint32(this.length, value, true)
    this.length += 4
  }

  /** @param high the upper 32 bits. */
  fixed64(field: number, low: number, high: number): void {
    this.#tag(field, fixed64Wire, 8)
    this.#view.setUint32(this.length, low, true)
    this.#view.setUint32(this.length + 4, high, true)
    this.length += 8
  }

  double(field: number, value: number): void {
    this.#tag(field, fixed64Wire, 8)
    this.#view.setFloat64(this.length, value, true)
    this.length += 8
  }

  string(field: number, text: string): void {
    const byteLength = Buffer.byteLength(text)
    this.#tag(field, lengthDelimitedWire, byteLength)
    this.#varint(byteLength)
    this.length += this.#bytes.write(text, this.length, 'utf8')
  }

  /** Bytes that come as lower-case hexadecimal digits. A loop, because `Buffer.write` takes longer for so few. */
  hex(field: number, digits: string): void {
    const byteLength = digits.length / 2
    this.#tag(field, lengthDelimitedWire, byteLength)
    this.#varint(byteLength)
    const bytes = this.#bytes
    const start = this.length
    for (let i = 0; i < byteLength; i++) {
      bytes[start + i] = (nibble(digits.charCodeAt(2 * i)) << 4) | nibble(digits.charCodeAt(2 * i + 1))
    }
    this.length = start + byteLength
  }

  /** A message within this one: what is written until `end` is called with the result. */
  begin(field: number): number {
    this.#tag(field, lengthDelimitedWire)
    // Most messages here are shorter than 128 bytes; the others are moved by the bytes that their length takes more.
    this.length += 1
    return this.length
  }

  end(start: number): void {
    const messageLength = this.length - start
    const lengthBytes = varintBytes(messageLength)
    if (lengthBytes > 1) {
      this.#reserve(lengthBytes - 1)
      this.#bytes.copyWithin(start + lengthBytes - 1, start, this.length)
    }
    this.length = start - 1
    this.#varint(messageLength)
    this.length += messageLength
  }

  /** Fields that have been written before. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length)
    this.#bytes.set(fields, this.length)
    this.length += fields.length
  }

  /** Begins a field, with room for it: `valueBytes` beside its tag and its length or integer. */
  #tag(field: number, wireType: number, valueBytes = 0): void {
    this.#reserve(longestHeaderBytes + valueBytes)
    this.#varint((field << 3) | wireType)
  }

  /** Where there is room already. */
  #varint(value: number): void {
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.length++] = (rest % 128) | 0x80
    this.#bytes[this.length++] = rest
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + count))
    grown.set(this.#bytes.subarray(0, this.length))
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

function nibble(digit: number): number {
  return digit < 0x3a ? digit - 0x30 : digit - 0x57
}

function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count += 1
  return count
}
