import type { RunningApp } from '../../helpers/app.ts'

/** When PostgreSQL refuses a bad row: as it comes, as a constraint does, or as a deferred one, at commit. */
type RefusalTime = 'at the row' | 'at commit'

/** PostgreSQL refuses rows whose text begins with `bad`, with a check violation (23514). */
export async function refuseBadTexts(app: RunningApp, when?: RefusalTime): Promise<void> {
  await app.sql(refusingTrigger(when))
}

/** The SQL of {@link refuseBadTexts}, for where the service is a process of its own. */
export function refusingTrigger(when: RefusalTime = 'at the row'): string {
  const timing = when === 'at the row' ? 'NOT DEFERRABLE' : 'DEFERRABLE INITIALLY DEFERRED'
  return `
    CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'this text is bad' USING ERRCODE = '23514';
    END $$;
    CREATE CONSTRAINT TRIGGER refuse_bad AFTER INSERT ON simple_text ${timing}
    FOR EACH ROW WHEN (NEW.text LIKE 'bad%') EXECUTE FUNCTION refuse_bad()`
}
