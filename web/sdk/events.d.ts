/**
 * Events calls the functions that asked for an event, in the order they asked.
 *
 * @template {Record<string, any[]>} Arguments  event name → arguments
 */
export class Events<Arguments extends Record<string, any[]>> {
    /**
     * @template {keyof Arguments} Name
     * @param {Name} name
     * @param {(...args: Arguments[Name]) => void} handler
     * @returns {() => void} takes the handler away again
     */
    on<Name extends keyof Arguments>(name: Name, handler: (...args: Arguments[Name]) => void): () => void;
    /**
     * @template {keyof Arguments} Name
     * @param {Name} name
     * @param {Arguments[Name]} args
     */
    fire<Name extends keyof Arguments>(name: Name, ...args: Arguments[Name]): void;
    #private;
}
