/** The field tables that rules are checked against, derived from the schemas of the vocabularies so that the two agree. */
import { z } from 'zod'
import type { EventFields, FieldShape, FieldTable } from '../constraint-language/rule.types.ts'
import { lifecycleVocabulary } from './lifecycle-vocabulary.ts'
import { permissionVocabulary } from './permission-vocabulary.ts'

const shapeOf = (schema: unknown): FieldShape => {
  if (schema instanceof z.ZodNullable) return { nullable: shapeOf(schema.unwrap()) }
  if (schema instanceof z.ZodDefault) return shapeOf(schema.unwrap())
  if (schema instanceof z.ZodArray) return { array: shapeOf(schema.element) }
  if (schema instanceof z.ZodObject) return { fields: tableOf(schema) }
  if (schema instanceof z.ZodEnum) return { oneOf: schema.options.map(String) }
  if (schema instanceof z.ZodString) return 'string'
  if (schema instanceof z.ZodNumber || schema instanceof z.ZodLiteral) return 'number'
  if (schema instanceof z.ZodBoolean) return 'boolean'
  throw new TypeError('a permission field has a schema that rules cannot read')
}

const tableOf = (schema: z.ZodObject): FieldTable =>
  Object.fromEntries(Object.entries(schema.shape).map(([name, member]) => [name, shapeOf(member)]))

/** Every event that a rule may name: permissions, which it may block, and what has happened, which it may wait for. */
export const permissionFields: EventFields = Object.fromEntries([
  ...Object.entries(permissionVocabulary).map(([type, { detail }]) => [type, tableOf(detail)] as const),
  ...Object.entries(lifecycleVocabulary).map(([type, detail]) => [type, tableOf(detail)] as const),
])
